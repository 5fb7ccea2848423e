"""Snapshots of a range of creators, in a few statements however many they are."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from pydantic_core import from_json, to_json

from analytics.models import SLOT, ProviderSnapshot
from analytics.registry import Reading, SnapshotSource
from analytics.services.snapshots.comparing import HISTORY, Comparison, Former, compare
from analytics.services.stale import mark_stale
from common.errors import Permanent

_HISTORY = """
    SELECT asked.creator, before.slot_at, before.currency, before.metrics, before.deltas
    FROM unnest(%s::text[]) AS asked(creator)
    CROSS JOIN LATERAL (
        SELECT slot_at, currency, metrics::text, deltas::text FROM analytics_providersnapshot
        WHERE provider = %s AND creator = asked.creator AND slot_at < %s
        ORDER BY slot_at DESC LIMIT %s
    ) before
    ORDER BY asked.creator, before.slot_at DESC
"""
_WRITE = """
    INSERT INTO analytics_providersnapshot AS old
        (provider, organization_id, creator, slot_at, read_at, state, error, currency, metrics, deltas, jumps)
    SELECT %(provider)s, organization_id, creator, %(slot_at)s, %(read_at)s, state, error, currency, metrics, deltas,
        jumps
    FROM jsonb_to_recordset(%(news)s::jsonb) AS news(creator text, organization_id text, state text, error text,
        currency text, metrics jsonb, deltas jsonb, jumps jsonb)
    ORDER BY creator
    ON CONFLICT (provider, creator, slot_at) DO UPDATE SET
        organization_id = EXCLUDED.organization_id, read_at = EXCLUDED.read_at, state = EXCLUDED.state,
        error = EXCLUDED.error, currency = EXCLUDED.currency, metrics = EXCLUDED.metrics, deltas = EXCLUDED.deltas,
        jumps = EXCLUDED.jumps
    WHERE (old.state <> 'complete' OR NOT %(is_over)s)
        AND (old.organization_id, old.state, old.error, old.currency, old.metrics, old.deltas, old.jumps)
        IS DISTINCT FROM (EXCLUDED.organization_id, EXCLUDED.state, EXCLUDED.error, EXCLUDED.currency,
        EXCLUDED.metrics, EXCLUDED.deltas, EXCLUDED.jumps)
    RETURNING creator
"""
_FOLLOWING = """
    SELECT creator, slot_at, currency, metrics::text FROM analytics_providersnapshot
    WHERE provider = %s AND creator = ANY(%s) AND slot_at > %s
    ORDER BY slot_at
"""
_CORRECT = """
    UPDATE analytics_providersnapshot old SET deltas = news.deltas, jumps = news.jumps
    FROM jsonb_to_recordset(%s::jsonb) AS news(creator text, deltas jsonb, jumps jsonb)
    WHERE old.provider = %s AND old.slot_at = %s AND old.creator = news.creator
        AND (old.deltas, old.jumps) IS DISTINCT FROM (news.deltas, news.jumps)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a batch came to: creators read, snapshots written or changed, readings with something missing, jumps."""

    creators: int
    written: int
    incomplete: int
    jumps: int


def take_snapshots(
    source: SnapshotSource, slot_at: dt.datetime, first: str, before: str, read_at: dt.datetime
) -> Taken:
    """Read a range of creators for a slot and write it down; idempotent by provider, creator and slot.

    Within its six hours a slot takes newer readings. One that is over is only completed: what was read in time stays.
    """
    readings = {reading.creator: reading for reading in source.read(slot_at, first, before)}
    _refuse_undeclared(source, readings)
    with transaction.atomic():
        compared = _compare(source, slot_at, {one: (r.currency, r.metrics) for one, r in readings.items()})
        written = _write(source.provider, slot_at, read_at, readings, compared)
        days = {slot_at.date()} if written else set()
        if written and read_at >= slot_at + SLOT:
            days |= _correct_following(source, slot_at, written)
        # Last, since whoever marks the same day waits for our commit.
        mark_stale(source.provider, days)
    return Taken(
        len(readings),
        len(written),
        sum(1 for reading in readings.values() if reading.error),
        sum(1 for one in compared.values() if one.jumps),
    )


def _refuse_undeclared(source: SnapshotSource, readings: Mapping[str, Reading]) -> None:
    named = {name for reading in readings.values() for name in reading.metrics}
    if strange := named - source.by_name.keys():
        raise Permanent(f"{source.title} tells metrics that it does not declare: {', '.join(sorted(strange))}.")


def _compare(
    source: SnapshotSource, slot_at: dt.datetime, known: Mapping[str, tuple[str, Mapping[str, int]]]
) -> dict[str, Comparison]:
    history = _load_history(source.provider, slot_at, list(known))
    return {
        creator: compare(source.by_name, slot_at, currency, metrics, history.get(creator, ()))
        for creator, (currency, metrics) in known.items()
    }


def _load_history(provider: str, slot_at: dt.datetime, creators: Sequence[str]) -> dict[str, list[Former]]:
    found: dict[str, list[Former]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_HISTORY, [list(creators), provider, slot_at, HISTORY])
        for creator, at, currency, metrics, deltas in cursor.fetchall():
            found.setdefault(creator, []).append(Former(at, currency, from_json(metrics), from_json(deltas)))
    return found


def _write(
    provider: str,
    slot_at: dt.datetime,
    read_at: dt.datetime,
    readings: Mapping[str, Reading],
    compared: Mapping[str, Comparison],
) -> list[str]:
    news = [
        {
            "creator": reading.creator,
            "organization_id": reading.organization_id,
            "state": _state(reading),
            "error": reading.error,
            "currency": reading.currency,
            "metrics": dict(reading.metrics),
            "deltas": compared[reading.creator].deltas,
            "jumps": compared[reading.creator].jumps,
        }
        for reading in readings.values()
    ]
    values: dict[str, Any] = {
        "provider": provider,
        "slot_at": slot_at,
        "read_at": read_at,
        "is_over": read_at >= slot_at + SLOT,
        "news": to_json(news).decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        return [creator for (creator,) in cursor.fetchall()]


def _state(reading: Reading) -> str:
    if not reading.error:
        return ProviderSnapshot.State.COMPLETE
    return ProviderSnapshot.State.PARTIAL if reading.metrics else ProviderSnapshot.State.FAILED


def _correct_following(source: SnapshotSource, slot_at: dt.datetime, creators: Sequence[str]) -> set[dt.date]:
    """Compare the snapshots that follow a slot completed late anew, the oldest first; return their days.

    Not only the very next: it may lack what a later one has. A slot is completed within a day, so they are few.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOWING, [source.provider, list(creators), slot_at])
        rows = cursor.fetchall()
    by_slot: dict[dt.datetime, dict[str, tuple[str, Mapping[str, int]]]] = {}
    for creator, at, currency, metrics in rows:
        known = {name: value for name, value in from_json(metrics).items() if name in source.by_name}
        by_slot.setdefault(at, {})[creator] = (currency, known)
    for at, known_then in by_slot.items():
        compared = _compare(source, at, known_then)
        news = [{"creator": one, "deltas": of.deltas, "jumps": of.jumps} for one, of in compared.items()]
        with connection.cursor() as cursor:
            cursor.execute(_CORRECT, [to_json(news).decode(), source.provider, at])
    return {at.date() for at in by_slot}
