"""Analytics events of the former system, recorded as any other event."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from accounts.models import Organization
from analytics.models import InvalidEvent, NewEvent
from analytics.services.recording import record_new
from common.importing import Record, Result, Verdict, importer
from huntaze.importing.tables.users import organization_id_of
from huntaze.importing.values import pick, pick_text, plain, read_instant

# What each thing may be called there; whatever else a record says becomes one of the event's properties.
FIELDS = {
    "name": ("name", "eventName", "event_name", "eventType", "event_type", "event", "type"),
    "occurred_at": ("occurredAt", "occurred_at", "timestamp", "time", "createdAt", "created_at"),
    "creator": ("creator", "onlyfansUserId", "onlyfans_user_id", "ofUserId", "of_user_id"),
    "provider": ("provider", "platform"),
    "source": ("source",),
}
PROPERTIES = ("properties", "data", "payload")
SOURCE = "dynamodb"
_FOREIGN = re.compile(r"[^A-Za-z0-9_.:/-]+")
_LONGEST_KEY = 200


@importer("analytics-events", keeps=False)
def take_events(records: Sequence[Record]) -> list[Result]:
    """Record events, each once by its key there."""
    read = [read_event(record) for record in records]
    wanted = {event.organization_id for event in read if isinstance(event, NewEvent) and event.organization_id}
    known = set(Organization.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    events = {
        place: event if event.organization_id in known else _without_organization(event)
        for place, event in enumerate(read)
        if isinstance(event, NewEvent)
    }
    fresh = record_new(events.values())
    return [
        Result(Verdict.CREATED if event.idempotency_key in fresh else Verdict.UNCHANGED)
        if isinstance(event, NewEvent)
        else Result(Verdict.REJECTED, event)
        for event in read
    ]


def _without_organization(event: NewEvent) -> NewEvent:
    """Leave an organization out that is not here; what the record said of it stands in the properties."""
    return NewEvent(
        event.name, event.occurred_at, event.idempotency_key, None, event.creator, event.provider, event.source,
        event.properties,
    )  # fmt: skip


def read_event(record: Record) -> NewEvent | dict[str, str]:
    """Read an event, or say what is wrong with it by attribute."""
    attributes = record.attributes
    told = pick_text(attributes, FIELDS["name"])
    try:
        occurred_at = read_instant(pick(attributes, FIELDS["occurred_at"]))
    except ValueError:
        occurred_at = None
    if not told or occurred_at is None:
        return ({} if told else {"name": "It is not named."}) | (
            {} if occurred_at else {"occurredAt": "It does not say when, in a way that can be read."}
        )
    name = _FOREIGN.sub("_", told).strip("_.:/-")
    try:
        return NewEvent(
            name=name,
            occurred_at=occurred_at,
            idempotency_key=_name_key(record.key),
            organization_id=organization_id_of(attributes) or None,
            creator=pick_text(attributes, FIELDS["creator"]),
            provider=pick_text(attributes, FIELDS["provider"]).lower(),
            source=pick_text(attributes, FIELDS["source"]) or SOURCE,
            properties=_properties(attributes, {} if name == told else {"former_name": told}),
        )
    except InvalidEvent as error:
        return dict(error.fields)


def _name_key(key: str) -> str:
    short = key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
    return f"dynamodb:{short}"


def _properties(attributes: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what the record says beyond the event's own fields; what is nested as properties comes first."""
    own = {name for names in FIELDS.values() for name in names if name in attributes}
    nested = {name: value for name in PROPERTIES if isinstance(value := attributes.get(name), Mapping)}
    rest = {name: value for name, value in attributes.items() if name not in own and name not in nested}
    found: dict[str, Any] = {}
    for part in (*nested.values(), rest, more):
        found = {**part, **found}
    clean: dict[str, Any] = plain(found)
    return clean
