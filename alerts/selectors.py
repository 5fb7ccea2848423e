"""What is wrong, what was sent, and whether anybody would be told at all."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Case, F, IntegerField, QuerySet, Value, When

from alerts.models import Channel, Entry, Incident, Notification, Rule, Severity


def list_open_incidents() -> QuerySet[Incident]:
    """List what is open, the worst first, then the oldest."""
    rank = Case(
        *(When(severity=severity, then=Value(severity.rank)) for severity in Severity),
        default=Value(0),
        output_field=IntegerField(),
    )
    return Incident.objects.filter(resolved_at=None).select_related("acknowledged_by").order_by(rank.desc(), "id")


def order_open_first(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    """Put what is open before what is over, each the newest first."""
    return incidents.order_by(F("resolved_at").desc(nulls_first=True), "-id")


def is_anybody_told() -> bool:
    """Tell whether there is a rule that holds with a channel that is on."""
    return Rule.objects.filter(is_enabled=True, channels__is_enabled=True).exists()


def count_undelivered() -> int:
    """Count the messages that were given up, a thousand at most."""
    failed = Notification.objects.filter(status=Notification.Status.FAILED).exclude(what=Notification.What.TEST)
    return failed.order_by()[:1000].count()


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened in the life of an incident: what somebody did, or what was sent."""

    at: dt.datetime
    title: str
    text: str = ""
    who: str = ""
    notification: Notification | None = None


def list_timeline(incident: Incident) -> list[Moment]:
    """List what happened to an incident, the oldest first."""
    moments = [Moment(incident.opened_at, "Opened")]
    entries: Iterable[Entry] = incident.entries.select_related("author")
    moments += [
        Moment(entry.created_at, entry.get_kind_display(), entry.text, str(entry.author or "")) for entry in entries
    ]
    sent: Iterable[Notification] = incident.notifications.select_related("channel")
    moments += [
        Moment(row.sent_at or row.created_at, row.label, row.error, str(row.channel), notification=row) for row in sent
    ]
    if incident.resolved_at and not incident.resolved_by_id:
        moments.append(Moment(incident.resolved_at, "Resolved", "It was no longer found."))
    return sorted(moments, key=attrgetter("at"))


def list_last_notifications(channel: Channel, limit: int) -> list[Notification]:
    """List what was last sent to a channel."""
    return list(channel.notifications.order_by("-id")[:limit])


def describe_attempts(row: Notification) -> list[dict[str, Any]]:
    """List the attempts at a message, the newest first, each with its instant."""
    return [{**entry, "at": dt.datetime.fromisoformat(entry["at"])} for entry in reversed(row.history)]
