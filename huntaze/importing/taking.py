"""Taking records in: a page and the place of the next one are one commit, so that nobody has to begin again."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, transaction
from django.utils.crypto import salted_hmac
from pydantic_core import to_json

from common.clock import now
from common.errors import Misconfigured, Retryable, WorkError
from common.importing import Importer, Record, Result, Verdict, find_importer
from huntaze.importing.dynamodb import Item, name_record
from huntaze.importing.values import read_item
from huntaze.models import ImportedRecord, ImportReject, TableImport


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as it came: its key, the digest of the key, and the typed item."""

    key: str
    digest: str
    item: Item


def read_incoming(items: Iterable[Item], key_names: tuple[str, ...]) -> list[Incoming]:
    """Name the records of a page."""
    named = [(name_record(item, key_names), item) for item in items]
    return [Incoming(_printable(key), hashlib.sha256(key.encode()).hexdigest(), item) for key, item in named]


def _printable(text: str) -> str:
    """Replace the one character that the database takes in no text."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def take_records(table_import: TableImport, incoming: Sequence[Incoming]) -> Counter[str]:
    """Take records in, in the caller's transaction; count what became of them. Those refused are listed."""
    importer = find_importer(table_import.table)
    if importer is None or importer.keeps:
        results = _take_kept(table_import, incoming, importer)
    else:
        results = dict(zip((one.digest for one in incoming), take_all(importer, incoming), strict=True))
    _list_rejects(table_import, incoming, results)
    return Counter(str(result.verdict) for result in results.values())


def _take_kept(table_import: TableImport, incoming: Sequence[Incoming], importer: Importer | None) -> dict[str, Result]:
    """Keep records whole, and hand those over that are new or have changed, or were never taken."""
    known = {
        digest: (whole, taken_at)
        for digest, whole, taken_at in ImportedRecord.objects.filter(
            name=table_import.name, key_digest__in=[one.digest for one in incoming]
        ).values_list("key_digest", "digest", "taken_at")
    }
    digests = {one.digest: _digest(one.item) for one in incoming}
    is_same = {digest: digest in known and known[digest][0] == digests[digest] for digest in digests}
    results = {one.digest: Result(Verdict.UNCHANGED) for one in incoming}
    todo = [one for one in incoming if not is_same[one.digest] or (importer and not known[one.digest][1])]
    if importer is None:
        for one in todo:
            results[one.digest] = Result(Verdict.UPDATED if one.digest in known else Verdict.KEPT)
    else:
        results |= zip((one.digest for one in todo), take_all(importer, todo), strict=True)
    _keep(table_import.name, todo, digests, results if importer else {})
    return results


def _keep(name: str, incoming: Sequence[Incoming], digests: Mapping[str, str], taken: Mapping[str, Result]) -> None:
    moment = now()
    rows = [
        ImportedRecord(
            name=name,
            key_digest=one.digest,
            key=one.key,
            digest=digests[one.digest],
            record=one.item,
            imported_at=moment,
            taken_at=moment if is_taken(taken.get(one.digest)) else None,
        )
        for one in incoming
    ]
    ImportedRecord.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["name", "key_digest"],
        update_fields=["digest", "record", "imported_at", "taken_at"],
    )


def is_taken(result: Result | None) -> bool:
    """Return whether an app took a record over."""
    return result is not None and result.verdict != Verdict.REJECTED


def _digest(item: Item) -> str:
    # Not a bare hash: a short secret could be guessed from it.
    text = to_json(_ordered(item)).decode()
    return salted_hmac("huntaze.importing", text, algorithm="sha256").hexdigest()


def _ordered(value: Any) -> Any:
    """Write a typed value so that it is the same text however DynamoDB orders it."""
    if isinstance(value, Mapping):
        return {
            name: sorted(value[name], key=str) if name in {"SS", "NS", "BS"} else _ordered(value[name])
            for name in sorted(value)
        }
    return [_ordered(part) for part in value] if isinstance(value, list) else value


def take_all(importer: Importer, incoming: Sequence[Incoming]) -> list[Result]:
    """Hand records to their importer, all at once or, where that fails, one by one, so that each fails alone."""
    records: list[Record | Result] = [_read(one) for one in incoming]
    readable = [record for record in records if isinstance(record, Record)]
    results = iter(_take_together(importer, readable))
    return [next(results) if isinstance(record, Record) else record for record in records]


def _read(one: Incoming) -> Record | Result:
    try:
        return Record(one.key, read_item(one.item))
    except (ValueError, ArithmeticError, TypeError) as error:
        return Result(Verdict.REJECTED, {"record": f"It can't be read: {error}"})


def _take_together(importer: Importer, records: Sequence[Record]) -> Sequence[Result]:
    if not records:
        return []
    try:
        with transaction.atomic():
            return importer.take(records)
    except (OperationalError, Misconfigured, Retryable):
        raise
    except Exception as error:
        if len(records) == 1:
            return [Result(Verdict.REJECTED, {"record": _explain(error)})]
    return [result for record in records for result in _take_together(importer, [record])]


def _explain(error: Exception) -> str:
    if isinstance(error, WorkError):
        return error.message
    # A database error may repeat what stands in the record.
    return f"Unforeseen {type(error).__name__}" if isinstance(error, DatabaseError) else f"{type(error).__name__}"


def _list_rejects(table_import: TableImport, incoming: Sequence[Incoming], results: Mapping[str, Result]) -> None:
    """List those that were refused, each once with its last reasons, and take those off that no longer are."""
    moment = now()
    refused = {digest for digest, result in results.items() if result.verdict == Verdict.REJECTED}
    rows = [
        ImportReject(
            table_import=table_import,
            key_digest=one.digest,
            key=one.key,
            reasons={name: _printable(said) for name, said in results[one.digest].reasons.items()},
            rejected_at=moment,
        )
        for one in incoming
        if one.digest in refused
    ]
    ImportReject.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["table_import", "key_digest"],
        update_fields=["reasons", "rejected_at"],
    )
    taken = [digest for digest in results if digest not in refused]
    ImportReject.objects.filter(table_import=table_import, key_digest__in=taken).delete()
