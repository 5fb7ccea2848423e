"""Recording events, thousands in a call: each idempotency key once, whoever repeats it and in whatever month."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from itertools import batched
from operator import itemgetter
from typing import Any

from django.db import connection, transaction
from pydantic_core import PydanticSerializationError, to_json

from accounts.models import User
from accounts.services.auditing import record_action
from analytics.models import InvalidEvent, NewEvent, digest_key
from common.clock import now

_BATCH = 5_000
# NUL as JSON writes it, which the database's text can't hold; behind an escaped backslash it is only letters.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# The key is taken first, where two who bring it at once meet: the second waits for the first one's transaction.
_RECORD = """
WITH incoming AS (
    SELECT nextval('analytics_event_id_seq') AS id, given.*
    FROM json_to_recordset(%s::json) AS given(
        digest uuid, name text, occurred_at timestamptz, organization_id text, creator text, provider text,
        source text, properties jsonb, idempotency_key text)
), fresh AS (
    INSERT INTO analytics_eventkey (digest, event_id) SELECT digest, id FROM incoming ORDER BY digest
    ON CONFLICT (digest) DO NOTHING RETURNING event_id
)
INSERT INTO analytics_event (id, name, occurred_at, recorded_at, organization_id, creator, provider, source,
                             properties, idempotency_key)
SELECT id, name, occurred_at, %s, organization_id, creator, provider, source, properties, idempotency_key
FROM incoming JOIN fresh ON fresh.event_id = incoming.id
RETURNING idempotency_key
"""


def record_event(event: NewEvent) -> bool:
    """Record an event in the caller's transaction; False where its key was recorded before."""
    return bool(record_events([event]))


def record_events(events: Iterable[NewEvent]) -> int:
    """Record events in the caller's transaction and return how many were new; a known key changes nothing.

    InvalidEvent where properties are no JSON, or not storable. An organization must exist, as for every foreign key.
    """
    return len(record_new(events))


def record_new(events: Iterable[NewEvent]) -> set[str]:
    """As `record_events`, but returns the idempotency keys that were new."""
    unique: dict[str, NewEvent] = {}
    for event in events:
        unique.setdefault(event.idempotency_key, event)
    # Everybody takes the keys' locks in the same order; and all is in order before anything is written.
    rows = sorted(map(_describe, unique.values()), key=itemgetter("digest"))
    parts = [_json(part) for part in batched(rows, _BATCH)]
    recorded_at = now()
    with transaction.atomic(savepoint=False):
        return {key for part in parts for key in _write(part, recorded_at)}


@transaction.atomic
def record_told(events: Sequence[NewEvent], actor: User) -> set[str]:
    """As `record_new`, for somebody who tells of them by the API; what was new leaves one audit entry."""
    fresh = record_new(events)
    if fresh:
        organizations = sorted({event.organization_id or "none" for event in events if event.idempotency_key in fresh})
        record_action(
            "record-events", actor.organization, actor=actor, after={"events": len(fresh), "of": organizations}
        )
    return fresh


def _describe(event: NewEvent) -> dict[str, Any]:
    return {
        "digest": str(digest_key(event.idempotency_key)),
        "name": event.name,
        "occurred_at": event.occurred_at,
        "organization_id": event.organization_id or None,
        "creator": event.creator,
        "provider": event.provider,
        "source": event.source,
        "properties": event.properties,
        "idempotency_key": event.idempotency_key,
    }


def _write(rows: str, recorded_at: dt.datetime) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [rows, recorded_at])
        return [key for (key,) in cursor.fetchall()]


def _json(rows: Sequence[dict[str, Any]]) -> str:
    try:
        text = to_json(rows, inf_nan_mode="null").decode()
    except PydanticSerializationError as error:
        raise InvalidEvent({"properties": "These can't be written as JSON."}) from error
    # The plain look is quick, and nearly always the end of it.
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidEvent({"properties": "These hold a character that can't be stored."})
    return text
