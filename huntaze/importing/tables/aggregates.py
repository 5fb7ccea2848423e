"""Monthly earnings of the former system, taken in as any other version of a creator's month."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from common.clock import Month, iso, now
from common.importing import Record, Result, Verdict, importer
from huntaze.importing.values import pick, plain, read_instant
from onlyfans.api.rows import read_rows
from onlyfans.services.ingesting import IncomingAggregate, Outcome, ingest_aggregates

# What the ingest API calls a thing, and what else it may be called there. Cents alone are read: of other amounts nobody
# knows the unit.
FIELDS = {
    "userId": ("userId", "user_id", "onlyfansUserId", "onlyfans_user_id"),
    "month": ("month", "period"),
    "currency": ("currency",),
    "grossCents": ("grossCents", "gross_cents"),
    "netCents": ("netCents", "net_cents"),
    "categories": ("categories",),
    "bucket": ("bucket",),
    "key": ("key",),
    "etag": ("etag", "eTag"),
    "sequencer": ("sequencer",),
    "receivedAt": ("receivedAt", "received_at", "updatedAt", "updated_at", "createdAt", "created_at"),
}
SOURCE = "dynamodb"
_VERDICTS = {
    Outcome.CREATED: Verdict.CREATED,
    Outcome.UPDATED: Verdict.UPDATED,
    Outcome.UNCHANGED: Verdict.UNCHANGED,
    # Kept as a version; something newer stands.
    Outcome.STALE: Verdict.UNCHANGED,
    Outcome.UNMATCHED: Verdict.KEPT,
    Outcome.REJECTED: Verdict.REJECTED,
}


@importer("of-aggregates")
def take_aggregates(records: Sequence[Record]) -> list[Result]:
    """Take months in; one that says nothing of when it was read is older than whatever came after the month."""
    moment = now()
    read = read_rows([_translate(record.attributes) for record in records], moment)
    rows = [replace(row, source=SOURCE) for row in read if isinstance(row, IncomingAggregate)]
    outcomes = iter(ingest_aggregates(rows, moment) if rows else ())
    return [Result(_VERDICTS[next(outcomes)]) if isinstance(row, IncomingAggregate) else _refuse(row) for row in read]


def _refuse(errors: Mapping[str, Sequence[str]]) -> Result:
    return Result(Verdict.REJECTED, {name: " ".join(said) for name, said in errors.items()})


def _translate(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Write a record as a row of the ingest API."""
    found = {name: plain(pick(attributes, names)) for name, names in FIELDS.items()}
    row = {name: value for name, value in found.items() if value is not None}
    if isinstance(row.get("userId"), int):
        row["userId"] = str(row["userId"])
    if isinstance(row.get("month"), str):
        row["month"] = row["month"][:7]
    row.setdefault("currency", "USD")
    if isinstance(row.get("categories"), dict):
        row["categories"] = {name.lower(): _translate_part(part) for name, part in row["categories"].items()}
    return row | _received(row)


def _translate_part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {name: pick(part, FIELDS[name]) for name in ("grossCents", "netCents")}


def _received(row: Mapping[str, Any]) -> dict[str, str]:
    try:
        at = read_instant(row.get("receivedAt"))
        ended_at = Month.parse(str(row.get("month"))).ends_at
    except ValueError:
        return {}
    return {"receivedAt": iso(at or min(ended_at, now()))}
