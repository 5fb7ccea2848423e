"""What is wrong, what was sent, and whether anybody would be told at all."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce

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
    """Return whether there is a rule that holds with a channel that is on."""
    return Rule.objects.filter(is_enabled=True, channels__is_enabled=True).exists()


def count_undelivered() -> int:
    """Count the messages that were given up, a thousand at most."""
    failed = Notification.objects.filter(status=Notification.Status.DEAD).exclude(what=Notification.What.TEST)
    return failed.order_by()[:1000].count()


@dataclass(slots=True)
class Story:
    """What one channel was told of one incident, or is to be told."""

    opened: Notification | None = None
    # The last one.
    reminder: Notification | None = None
    recovered: Notification | None = None
    # The last message that was sent, or given up.
    last: Notification | None = None

    @property
    def is_untold(self) -> bool:
        """Whether the opening waits and was never tried."""
        row = self.opened
        if row is None or row.status != Notification.Status.WAITING:
            return False
        return not row.attempts and not row.may_have_arrived

    @property
    def may_be_told(self) -> bool:
        """Whether the receiver knows of the incident, or may, or is about to."""
        told = (row for row in (self.opened, self.reminder, self.last) if row)
        return any(row.may_have_arrived or (row.status == Notification.Status.WAITING and row.attempts) for row in told)

    @property
    def waits(self) -> bool:
        """Whether a message about what goes on is still to be sent."""
        return any(row and row.status in Notification.UNENDED for row in (self.opened, self.reminder))

    @property
    def last_told_at(self) -> dt.datetime | None:
        """When the last message was sent, or written that was given up."""
        return (self.last.sent_at or self.last.created_at) if self.last else None


def list_stories(incidents: Iterable[Incident]) -> defaultdict[tuple[int, int], Story]:
    """List by incident and channel what was told and is to be told."""
    found: defaultdict[tuple[int, int], Story] = defaultdict(Story)
    rows = Notification.objects.filter(incident__in=list(incidents)).defer("message")
    What, Status = Notification.What, Notification.Status
    for row in rows.order_by("incident_id", "channel_id", "what", "-number").distinct(
        "incident_id", "channel_id", "what"
    ):
        setattr(found[row.incident_id or 0, row.channel_id], row.what, row)
    ended = rows.filter(what__in=[What.OPENED, What.REMINDER], status__in=[Status.SENT, Status.DEAD])
    latest = Coalesce("sent_at", "created_at").desc()
    for row in ended.order_by("incident_id", "channel_id", latest, "-id").distinct("incident_id", "channel_id"):
        found[row.incident_id or 0, row.channel_id].last = row
    return found


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
