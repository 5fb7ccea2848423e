"""Writing what stands in files: events, earnings and figures, all of a file in one transaction, each once."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from analytics.models import NewEvent
from analytics.services.recording import record_events
from common.clock import now
from onlyfans.models import CreatorAccount, ResultFile
from onlyfans.providers.results import Result
from onlyfans.services.ingesting import IncomingAggregate, ingest_aggregates
from onlyfans.services.results.figures import lock, write_figures
from onlyfans.services.results.reading import Reading
from onlyfans.services.results.taking import take_files
from workqueue.services import WorkQueue

Status = ResultFile.Status
SOURCE, PROVIDER = "result file", "onlyfans"
_EVENTS = {
    "earnings": "onlyfans.earnings_seen",
    "profile": "onlyfans.profile_seen",
    "fans": "onlyfans.fans_counted",
    "messages": "onlyfans.messages_counted",
}


def apply_readings(queue: WorkQueue[ResultFile], readings: Sequence[Reading]) -> int:
    """Write what was read, and what became of each file, in the caller's transaction; return how many ended.

    Only what is still ours is written. Idempotent, and the same in whatever order the files come.
    """
    mine = _hold(queue, readings)
    _lock_all(mine)
    others = _find_others(mine)
    mine = [_judge(reading, others) for reading in mine]
    told = [reading for reading in mine if reading.result is not None]
    brought = _write_events(told)
    for id_, outcomes in _write_earnings(told).items():
        brought[id_]["aggregates"] = outcomes
    ended = queue.write([reading.as_outcome(brought.get(reading.file.pk)) for reading in mine])
    _take_found(mine)
    _write_figures(mine, others)
    return ended


def _hold(queue: WorkQueue[ResultFile], readings: Sequence[Reading]) -> list[Reading]:
    """Keep those whose file nobody else has taken, and lock them."""
    held = {file.pk for file in queue.hold([reading.file for reading in readings])}
    mine = [reading for reading in readings if reading.file.pk in held]
    # A newer notification may have told the order of the versions meanwhile.
    sequencers = dict(ResultFile.objects.filter(pk__in=held).values_list("pk", "sequencer"))
    for reading in mine:
        reading.file.sequencer = sequencers[reading.file.pk]
    return mine


def _lock_all(readings: Sequence[Reading]) -> None:
    """Keep others off the keys and whatever is known by what stands there, now or before."""
    names = [f"{other.kind} {other.user_id}" for other in _find_others(readings)]
    for reading in readings:
        if reading.result is not None:
            names += [f"key {reading.file.key}", f"{reading.result.kind} {reading.result.user_id}"]
    lock(names)


def _find_others(readings: Sequence[Reading]) -> list[ResultFile]:
    """Find the done versions of the same keys."""
    keys = [reading.file.key for reading in readings if reading.result is not None]
    found = ResultFile.objects.filter(
        bucket__in={reading.file.bucket for reading in readings}, key__in=keys, status=Status.DONE
    )
    return list(found.only("bucket", "key", "etag", "sequencer", "written_at", "kind", "user_id"))


def _judge(reading: Reading, others: Iterable[ResultFile]) -> Reading:
    """Tell a version that was overtaken while it was read."""
    if reading.result is not None and any(
        _is_place(reading.file, other) and not _is_newer(reading, other) for other in others
    ):
        return replace(reading, status=Status.REPLACED, note="A newer version of it was read before.")
    return reading


def _is_place(file: ResultFile, other: ResultFile) -> bool:
    return (file.bucket, file.key) == (other.bucket, other.key)


def _is_newer(reading: Reading, other: ResultFile) -> bool:
    """Return whether what was read is newer than another version of the same key.

    S3 tells whole seconds when a version was stored, and their order where both were announced. Beyond that, a version
    that could be read was noticed before the next one was there.
    """
    mine, theirs = reading.file, other
    if reading.written_at and theirs.written_at and reading.written_at != theirs.written_at:
        return reading.written_at > theirs.written_at
    if mine.sequencer and theirs.sequencer and _order(mine.sequencer) != _order(theirs.sequencer):
        return _order(mine.sequencer) > _order(theirs.sequencer)
    return mine.pk > theirs.pk


def _order(sequencer: str) -> str:
    return sequencer.upper().ljust(64, "0")


def _take_found(readings: Sequence[Reading]) -> None:
    """Take in what was found instead of what was told of."""
    for door in ResultFile.Door:
        take_files((one for reading in readings if reading.file.door == door for one in reading.found), door)


def _write_events(readings: Sequence[Reading]) -> dict[int, dict[str, Any]]:
    users = {reading.result.user_id for reading in readings if reading.result}
    known = CreatorAccount.objects.filter(onlyfans_user_id__in=users)
    organizations: dict[str, str] = dict(known.values_list("onlyfans_user_id", "organization"))
    brought: dict[int, dict[str, Any]] = {}
    events: list[NewEvent] = []
    for reading in readings:
        if reading.result:
            mine = list(_describe(reading, reading.result, organizations.get(reading.result.user_id)))
            brought[reading.file.pk] = {"events": len(mine), "figures": len(reading.result.figures)}
            events += mine
    record_events(events)
    return brought


def _describe(reading: Reading, result: Result, organization: str | None) -> Iterator[NewEvent]:
    """Make one event of a file, of earnings one a month."""
    file = reading.file
    identity = hashlib.sha256(f"{file.bucket}\n{file.key}\n{file.etag}".encode()).hexdigest()
    parts: Mapping[str, Mapping[str, Any]] = {"": dict(result.figures)}
    if result.months:
        parts = {str(month): _sum_up(result, str(month), amounts) for month, amounts in result.months.items()}
    for part, properties in parts.items():
        yield NewEvent(
            name=_EVENTS[result.kind],
            occurred_at=result.observed_at,
            idempotency_key=f"result:{identity}:{part}",
            organization_id=organization,
            creator=result.user_id,
            provider=PROVIDER,
            source=SOURCE,
            properties={**properties, "job": file.job_id},
        )


def _sum_up(result: Result, month: str, amounts: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    gross, net = (sum(pair[place] for pair in amounts.values()) for place in (0, 1))
    return {"month": month, "currency": result.currency, "gross_cents": gross, "net_cents": net}


def _write_earnings(readings: Sequence[Reading]) -> dict[int, dict[str, int]]:
    rows: list[tuple[int, IncomingAggregate]] = []
    for reading in readings:
        if reading.result:
            rows += [(reading.file.pk, row) for row in _list_months(reading.file, reading.result)]
    outcomes = ingest_aggregates([row for _, row in rows], now()) if rows else []
    found: dict[int, Counter[str]] = {}
    for (id_, _), outcome in zip(rows, outcomes, strict=True):
        found.setdefault(id_, Counter())[str(outcome)] += 1
    return {id_: dict(counted) for id_, counted in found.items()}


def _list_months(file: ResultFile, result: Result) -> Iterator[IncomingAggregate]:
    for month, amounts in result.months.items():
        yield IncomingAggregate(
            user_id=result.user_id,
            month=month,
            currency=result.currency,
            parts=amounts,
            # What was seen later is newer, whenever it reaches us.
            received_at=result.observed_at,
            source=SOURCE,
            bucket=file.bucket,
            key=file.key,
            etag=file.etag,
            sequencer=file.sequencer,
        )


def _write_figures(readings: Sequence[Reading], others: Sequence[ResultFile]) -> None:
    """Let versions that were overtaken stand back, then write what is known by those that stand."""
    done = [reading.file for reading in readings if reading.result is not None and reading.status == Status.DONE]
    overtaken = [other for other in others if any(_is_place(file, other) and file.pk != other.pk for file in done)]
    ids = [other.pk for other in overtaken] + _find_settled(done)
    ResultFile.objects.filter(pk__in=ids).update(status=Status.REPLACED)
    subjects = {(reading.result.user_id, reading.result.kind) for reading in readings if reading.result is not None}
    write_figures(subjects | {(other.user_id, other.kind) for other in overtaken})


def _find_settled(done: Sequence[ResultFile]) -> list[int]:
    """Find what came to nothing before and needs nobody any more, for a newer version of it is done."""
    newest = {(file.bucket, file.key): file.pk for file in done}
    left = ResultFile.objects.filter(bucket__in={file.bucket for file in done}, key__in=[file.key for file in done])
    rows = left.filter(status__in=ResultFile.LEFT).values_list("pk", "bucket", "key")
    return [pk for pk, bucket, key in rows if pk < newest.get((bucket, key), 0)]
