"""Going through a table: segment by segment, page by page, from where each segment stands."""

import time
from collections import Counter
from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from common.clock import now
from common.importing import find_importer
from huntaze.importing.dynamodb import Description, Item, describe_table, read_table_page
from huntaze.importing.taking import Incoming, is_taken, read_incoming, take_all, take_records
from huntaze.models import ImportedRecord, ImportSegment, TableImport

COUNTS = ImportSegment.COUNTS
_KEPT_AT_ONCE, _SHOWN = 200, 20


def count_segments(name: str, wanted: int, *, restart: bool) -> int:
    """Say in how many segments a table is read: those of the import under way, since only they can go on."""
    under_way = TableImport.objects.filter(name=name, finished_at=None).values_list("segments", flat=True).first()
    return under_way if under_way and not restart else wanted


@transaction.atomic
def begin_import(name: str, table: str, segments: int, run_id: int, estimate: int, *, restart: bool) -> TableImport:
    """Find the import of a table, and begin it anew where it was finished or is to be restarted; once a run."""
    TableImport.objects.bulk_create([TableImport(name=name, table=table, segments=segments)], ignore_conflicts=True)
    table_import = TableImport.objects.select_for_update(no_key=True).get(name=name)
    if table_import.run_id == run_id:
        return table_import
    if restart or table_import.finished_at or table_import.segments != segments:
        table_import.parts.all().delete()
        table_import.segments, table_import.started_at, table_import.finished_at = segments, now(), None
    table_import.run_id, table_import.estimate = run_id, estimate
    table_import.save()
    parts = [ImportSegment(table_import=table_import, number=number) for number in range(segments)]
    ImportSegment.objects.bulk_create(parts, ignore_conflicts=True)
    return table_import


def import_segment(table_import: TableImport, number: int, check: Callable[[], None], until: float) -> bool:
    """Bring a segment in from where it stands; False where it is not through after `until`, on the monotonic clock."""
    key_names = describe(table_import.name).key_names
    while True:
        check()
        part = table_import.parts.get(number=number)
        if part.is_done:
            return True
        if time.monotonic() > until:
            return False
        page = read_table_page(table_import.name, number, table_import.segments, part.position)
        _take_page(table_import, part, read_incoming(page.items, key_names), page.position)


@transaction.atomic
def _take_page(
    table_import: TableImport, read_at: ImportSegment, incoming: list[Incoming], position: Item | None
) -> None:
    """Take a page in, unless somebody else has brought the segment further than where it was read."""
    part = ImportSegment.objects.select_for_update(no_key=True).get(pk=read_at.pk)
    if part.is_done or part.position != read_at.position:
        return
    counts = take_records(table_import, incoming) + Counter(read=len(incoming))
    for name in COUNTS:
        setattr(part, name, getattr(part, name) + counts[name])
    part.position, part.is_done = position, position is None
    part.save()
    if part.is_done:
        _finish_if_done(table_import)


def _finish_if_done(table_import: TableImport) -> None:
    TableImport.objects.select_for_update(no_key=True).get(pk=table_import.pk)
    if not table_import.parts.filter(is_done=False).exists():
        TableImport.objects.filter(pk=table_import.pk).update(finished_at=now())


def rehearse_segment(
    name: str, table: str, number: int, segments: int, check: Callable[[], None]
) -> tuple[Counter[str], dict[str, dict[str, str]]]:
    """Do with a segment what an import would do and undo each page; return the counts and some refused records."""
    key_names, position = describe(name).key_names, None
    counts: Counter[str] = Counter()
    refused: dict[str, dict[str, str]] = {}
    while True:
        check()
        page = read_table_page(name, number, segments, position)
        incoming = read_incoming(page.items, key_names)
        with transaction.atomic():
            table_import = TableImport.objects.get_or_create(name=name, defaults={"table": table})[0]
            counts += take_records(table_import, incoming) + Counter(read=len(incoming))
            listed = table_import.rejects.filter(key_digest__in=[one.digest for one in incoming])
            refused |= dict(listed.values_list("key", "reasons")[: max(0, _SHOWN - len(refused))])
            transaction.set_rollback(True)
        position = page.position
        if position is None:
            return counts, refused


@cache
def _described(name: str, endpoint: str) -> Description:
    return describe_table(name)


def describe(name: str) -> Description:
    """Ask what a table says of itself, once a process."""
    return _described(name, settings.DYNAMODB_ENDPOINT)


def take_over_kept(name: str, table: str) -> Counter[str]:
    """Hand what is kept of a table, and nobody has taken yet, to its importer; LookupError where there is none."""
    importer = find_importer(table)
    if importer is None:
        raise LookupError(f"Nobody takes {table} in yet.")
    counts: Counter[str] = Counter()
    last = 0
    while True:
        with transaction.atomic():
            waiting = ImportedRecord.objects.select_for_update(no_key=True).filter(
                name=name, taken_at=None, pk__gt=last
            )
            rows = list(waiting.order_by("pk")[:_KEPT_AT_ONCE])
            if not rows:
                return counts
            last = rows[-1].pk
            results = take_all(importer, [Incoming(row.key, row.key_digest, row.record) for row in rows])
            moment = now()
            for row, result in zip(rows, results, strict=True):
                row.taken_at = moment if is_taken(result) else None
                counts[str(result.verdict)] += 1
            ImportedRecord.objects.bulk_update(rows, ["taken_at"])


def sum_counts(table_import: TableImport) -> dict[str, int]:
    """Sum up what became of a table's records, over its segments."""
    sums = table_import.parts.aggregate(**{name: Sum(name, default=0) for name in COUNTS})
    return {name: int(sums[name]) for name in COUNTS}


def find_import(name: str) -> TableImport | None:
    """Find the import of a table by its whole name."""
    return TableImport.objects.filter(name=name).first()
