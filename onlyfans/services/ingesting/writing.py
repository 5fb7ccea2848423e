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
# The comment keeps whoever looks for changes without an entry from reading megabytes of rows: there is one.
_WITH_ENTRY = """
    /* with its audit entry */ WITH told AS MATERIALIZED (
        SELECT place, outcome FROM onlyfans_ingest(%s::jsonb)
    ), counted AS (
        SELECT jsonb_object_agg(outcome, count) AS counts
        FROM (SELECT outcome, count(*) FROM told GROUP BY outcome) one HAVING bool_or(outcome <> 'unchanged')
    ), entry AS (
        INSERT INTO accounts_auditentry ({columns}, after)
        SELECT {values}, jsonb_build_object('earnings', counts || %s::jsonb) FROM counted
    )
    SELECT outcome FROM told ORDER BY place
"""
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def ingest_aggregates(rows: Sequence[IncomingAggregate], received_at: dt.datetime) -> list[Outcome]:
    """Keep each version, project what stands now, and tell what became of each row, in their order.

    Idempotent by object (bucket, key, etag) and figures or, without an object, by source and figures. Which version
    stands follows from the set of those that came, whatever their order: of each object the newest by S3's order, and
    among all of them the one received last. What a version no longer names becomes zero. Rows of users whom nobody
    knows wait for them. `received_at` is when they came to us, which may be later than when they were received first.
    Outside a transaction, ten thousand rows are one.
    """
    outcomes: list[Outcome] = []
    for part in batched(rows, _AT_ONCE):
        outcomes += _run("SELECT outcome FROM onlyfans_ingest(%s::jsonb)", [_pack(part, received_at)])
    return outcomes


def ingest_call(rows: Sequence[IncomingAggregate], received_at: dt.datetime, rejected: int) -> list[Outcome]:
    """Do the same for the rows of one call, with an audit entry that counts outcomes, unless nothing changed.

    All is one statement: for a single row the ways to the database and back would take longer than the work.
    """
    entry = lay_out_entry(describe_action("ingest"))
    del entry["after"]
    sql = _WITH_ENTRY.format(columns=", ".join(entry), values=", ".join(["%s"] * len(entry)))
    refused = to_json({"rejected": rejected} if rejected else {}).decode()
    return _run(sql, [_pack(rows, received_at), *entry.values(), refused])


def _run(sql: str, values: list[Any]) -> list[Outcome]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [_OUTCOMES[outcome] for (outcome,) in cursor.fetchall()]


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
