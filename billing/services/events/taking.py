"""Taking events in: one row each, whoever brings it and however often."""

from collections.abc import Iterable
from itertools import batched

from django.db import connection, transaction

from billing.models import StripeEvent
from billing.providers.stripe_events import HANDLED_TYPES, EventHead
from billing.services.events.ringing import ring
from common.clock import now

_HANDLED = frozenset(HANDLED_TYPES)
_INSERT = """
    INSERT INTO billing_stripeevent
        (event_id, type, object_id, created_at, received_at, source, status, attempts, look_at, error, note, body)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 0, '', '', '', %s)
    ON CONFLICT (event_id) DO NOTHING RETURNING id
"""
_INSERT_MANY = """
    INSERT INTO billing_stripeevent
        (event_id, type, object_id, created_at, received_at, source, status, attempts, look_at, error, note, body)
    SELECT event_id, type, object_id, created_at, %s, %s, status, 0, '', '', %s, body::jsonb
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[])
        WITH ORDINALITY AS found(event_id, type, object_id, created_at, status, body, place)
    ORDER BY place
    ON CONFLICT (event_id) DO NOTHING RETURNING id
"""
_AT_ONCE = 200
_UNKNOWN = StripeEvent.Status.IGNORED.value
_BROUGHT = "Brought from the former system, which acted on it."
_WAITING = StripeEvent.Status.WAITING.value


def take_event(head: EventHead, body: str, source: str) -> int | None:
    """Store an event, whose JSON text is `body`, and ring; return its row's id, or None where it is there already.

    Idempotent by the event's id. A type that changes nothing here is kept and not worked on.
    """
    values = (head.id, head.type, head.object_id, head.created_at, now(), source, _first_status(head), _clean(body))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        found = cursor.fetchone()
    if found is None:
        return None
    if head.type in _HANDLED:
        transaction.on_commit(ring)
    return int(found[0])


def take_events(found: Iterable[tuple[EventHead, str]], source: str) -> list[int]:
    """Store those of many events that are not there yet; return their rows' ids."""
    taken = [id_ for part in batched(found, _AT_ONCE) for id_ in _store(part, source)]
    if taken:
        transaction.on_commit(ring)
    return taken


def _store(part: Iterable[tuple[EventHead, str]], source: str, *, acts: bool = True) -> list[int]:
    # In one order everywhere: two who bring the same events must not wait for each other.
    rows = [
        (head.id, head.type, head.object_id, head.created_at, _first_status(head) if acts else _UNKNOWN, _clean(body))
        for head, body in sorted(part, key=lambda one: one[0].id)
    ]
    columns = map(list, zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_MANY, [now(), source, "" if acts else _BROUGHT, *columns])
        return [id_ for (id_,) in cursor.fetchall()]


def keep_events(found: Iterable[tuple[EventHead, str]], source: str) -> list[int]:
    """Store events on which somebody else has acted: kept only, unless staff process them again; return rows' ids."""
    return [id_ for part in batched(found, _AT_ONCE) for id_ in _store(part, source, acts=False)]


def _first_status(head: EventHead) -> str:
    return _WAITING if head.type in _HANDLED else _UNKNOWN


def _clean(body: str) -> str:
    """Replace the one character that the database takes in no text."""
    return body.replace("\\u0000", "\\ufffd") if "\\u0000" in body else body
