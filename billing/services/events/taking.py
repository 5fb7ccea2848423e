"""Taking events in: one row each, whoever brings it and however often."""

import json
from collections.abc import Iterable
from typing import Any

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
_UNKNOWN = StripeEvent.Status.IGNORED.value
_WAITING = StripeEvent.Status.PENDING.value


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


def take_events(found: Iterable[tuple[EventHead, Any]], source: str) -> list[int]:
    """Store those of many events that are not there yet; return their rows' ids."""
    taken = (take_event(head, json.dumps(event), source) for head, event in found)
    return [id_ for id_ in taken if id_ is not None]


def _first_status(head: EventHead) -> str:
    return _WAITING if head.type in _HANDLED else _UNKNOWN


def _clean(body: str) -> str:
    """Replace the one character that the database takes in no text."""
    return body.replace("\\u0000", "\\ufffd") if "\\u0000" in body else body
