"""Who is told what, and from when: rows written in the transaction of what they tell of."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction

from alerts.models import Incident, Notification, Rule, Severity
from alerts.services.composing import describe_incident
from alerts.services.ringing import ring

CHANNEL_FAILING = "channel-failing"
What = Notification.What
Status = Notification.Status


def find_channels(rules: Iterable[Rule], severity: str, moment: dt.datetime) -> dict[int, dt.datetime]:
    """Return the channels of some rules, each with the instant from which it may be told of something so bad."""
    found: dict[int, dt.datetime] = {}
    for rule in rules:
        quiet_end = None if severity == Severity.CRITICAL else rule.find_quiet_end(moment)
        for channel in rule.channels.all():
            if channel.is_enabled:
                not_before = quiet_end or moment
                found[channel.pk] = min(not_before, found.get(channel.pk, not_before))
    return found


class Plan:
    """The messages that follow from what was found at one moment about some incidents; written together, each once."""

    def __init__(self, incidents: Iterable[Incident], moment: dt.datetime) -> None:
        self._rules = list(Rule.objects.filter(is_enabled=True).prefetch_related("channels"))
        self.moment = moment
        self._rows: list[Notification] = []
        # What each channel was last told of each incident.
        self._last: defaultdict[int, dict[int, Notification]] = defaultdict(dict)
        told = Notification.objects.filter(incident__in=list(incidents), what__in=[What.OPENED, What.REMINDER])
        for row in told.defer("message", "history").order_by("id"):
            self._last[row.incident_id or 0][row.channel_id] = row

    def tell_opened(self, incident: Incident) -> None:
        """Tell of an incident each channel that has not been told, once it is bad enough for one of its rules."""
        wanted = [rule for rule in self._rules if rule.wants(incident, self.moment)]
        for channel, not_before in self._find_channels(incident, wanted).items():
            if channel not in self._last[incident.pk]:
                self._add(incident, channel, What.OPENED, not_before)

    def tell_recovered(self, incident: Incident, note: str = "") -> None:
        """Tell of the end each channel that was told of the beginning.

        Where the beginning still waits and was never tried, the one message about the end says all.
        """
        untold = incident.notifications.filter(status=Status.PENDING, attempts=0)
        untold.update(status=Status.SKIPPED, error="It was over before this was sent.")
        wanted = [rule for rule in self._rules if rule.tells_recovery and rule.covers(incident)]
        for channel, not_before in self._find_channels(incident, wanted).items():
            if channel in self._last[incident.pk]:
                self._add(incident, channel, What.RECOVERED, not_before, note=note)

    def remind(self, incident: Incident) -> None:
        """Remind each channel that was told so long ago, unless somebody has the incident in hand."""
        if incident.is_silent(self.moment):
            return
        for rule in self._rules:
            if not rule.reminder_hours or not rule.wants(incident, self.moment):
                continue
            for channel, not_before in self._find_channels(incident, [rule]).items():
                former = self._last[incident.pk].get(channel)
                if former and _is_over(former, self.moment - dt.timedelta(hours=rule.reminder_hours)):
                    number = former.number + 1 if former.what == What.REMINDER else 1
                    self._add(incident, channel, What.REMINDER, not_before, number=number)

    def _find_channels(self, incident: Incident, rules: Iterable[Rule]) -> dict[int, dt.datetime]:
        found = find_channels(rules, incident.severity, self.moment)
        if incident.condition == CHANNEL_FAILING:
            # What is said about a channel would not arrive by it.
            found.pop(int(incident.scope.rpartition(":")[2]), None)
        return found

    def _add(
        self, incident: Incident, channel: int, what: str, not_before: dt.datetime, *, number: int = 1, note: str = ""
    ) -> None:
        self._rows.append(
            Notification(
                incident=incident,
                channel_id=channel,
                what=what,
                number=number,
                not_before=not_before,
                created_at=self.moment,
                message=describe_incident(incident, what, number, note),
            )
        )

    def write(self) -> None:
        """Write the messages; what is there already stays as it is. Rings after the commit."""
        write(self._rows, self.moment)
        self._rows = []


def write(rows: list[Notification], moment: dt.datetime) -> None:
    """Write messages, each once, and ring after the commit where one may be sent at once."""
    if not rows:
        return
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if any(row.not_before <= moment for row in rows):
        transaction.on_commit(ring)


def _is_over(former: Notification, limit: dt.datetime) -> bool:
    """Tell whether a channel was last told before an instant; what still waits to be sent is no reason for more."""
    if former.status in Notification.UNENDED:
        return False
    return (former.sent_at or former.created_at) <= limit
