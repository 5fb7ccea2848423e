"""Rows into the database, in one statement each ten thousand."""

import datetime as dt
from collections.abc import Sequence
from itertools import batched
from typing import Any

from django.db import connection
from pydantic_core import to_json

from accounts.services.auditing import describe_action, lay_out_entry
from onlyfans.models import EarningsAggregate
from onlyfans.services.ingesting.rows import IncomingAggregate, Outcome, read_sequencer

# So many creators are locked at once at most.
_AT_ONCE = 10_000
_NOTHING_EARNED = {EarningsAggregate.Category.UNCATEGORIZED.value: (0, 0)}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def ingest_aggregates(rows: Sequence[IncomingAggregate], received_at: dt.datetime) -> list[Outcome]:
    """Keep each version, project what stands now, and tell what became of each row, in their order.

    Idempotent by object (bucket, key, etag) and figures or, without an object, by source and figures. Which version
    stands follows from the set of those that came, whatever their order: of each object the newest by S3's order, and
    among all of them the one received last, unless staff entered one and no source has said anything new since. What
    a version no longer names becomes zero. Rows of users whom nobody knows wait for them. `received_at` is when they
    came to us, which may be later than when they were received first.
    Outside a transaction, ten thousand rows are one.
    """
    outcomes: list[Outcome] = []
    for part in batched(rows, _AT_ONCE):
        outcomes += _run("SELECT onlyfans_ingest_rows(%s)", [_pack(part, received_at)])
    return outcomes


def ingest_call(rows: Sequence[IncomingAggregate], received_at: dt.datetime, rejected: int) -> list[Outcome]:
    """Do the same for the rows of one call, with an audit entry that counts outcomes, unless nothing changed.

    All is one statement: for a single row the ways to the database and back would take longer than the work.
    """
    entry = lay_out_entry(describe_action("ingest", after={"earnings": {"rejected": rejected} if rejected else {}}))
    return _run("SELECT onlyfans_ingest_call(%s, %s)", [_pack(rows, received_at), to_json(entry).decode()])


def _run(sql: str, values: list[Any]) -> list[Outcome]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        (outcomes,) = cursor.fetchone()
    return [_OUTCOMES[outcome] for outcome in outcomes]


def _pack(rows: Sequence[IncomingAggregate], received_at: dt.datetime) -> str:
    return to_json([_describe(place, row, received_at) for place, row in enumerate(rows)]).decode()


def _describe(place: int, row: IncomingAggregate, recorded_at: dt.datetime) -> dict[str, Any]:
    given = {
        "place": place,
        "user_id": row.user_id,
        "month": f"{row.month}-01",
        "currency": row.currency,
        "parts": row.parts or _NOTHING_EARNED,
        "source": row.source,
        "bucket": row.bucket,
        "key": row.key,
        "etag": row.etag,
        "sequencer": read_sequencer(row.sequencer) if row.sequencer else "",
        "received_at": row.received_at,
        "recorded_at": recorded_at,
    }
    return given if row.answers is None else given | {"answers": row.answers}
