"""Who is told what, and from when: rows written in the transaction of what they tell of.

The promise, whatever becomes of rules and channels meanwhile: a channel is told of an incident's opening once, and who
was told of it is told of the end, once. `docs/alerts.md` states it whole.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from django.db import transaction

from accounts.selectors import list_groups_by_permission
from alerts.models import Channel, Incident, Notification, Rule, Severity
from alerts.selectors import Story, list_stories
from alerts.services.composing import describe_incident
from alerts.services.ringing import BELL

CHANNEL_FAILING = "channel-failing"
What = Notification.What
Status = Notification.Status
_OVER = "It was over before this was sent."
_OFF = "The channel was switched off."
_UNASKED = "No rule asks for it any more, or the channel was switched off."


def find_moment(rules: Iterable[Rule], severity: str, moment: dt.datetime) -> dt.datetime:
    """Return from when on something so bad may be told: as soon as one of the rules that ask for it is not quiet."""
    if severity == Severity.CRITICAL:
        return moment
    return min((rule.find_quiet_end(moment) or moment for rule in rules), default=moment)


def by_channel(rules: Iterable[Rule]) -> dict[int, list[Rule]]:
    """Return the channels that are on, each with those of the rules that name it."""
    found: defaultdict[int, list[Rule]] = defaultdict(list)
    for rule in rules:
        for channel in rule.channels.all():
            if channel.is_enabled:
                found[channel.pk].append(rule)
    return found


class Plan:
    """The messages that follow from what was found at one moment about some incidents; written together, each once."""

    def __init__(self, incidents: Iterable[Incident], moment: dt.datetime) -> None:
        self._rules = {rule.pk: rule for rule in Rule.objects.prefetch_related("channels").order_by("pk")}
        self._on = set(Channel.objects.filter(is_enabled=True).values_list("pk", flat=True))
        self._stories = list_stories(incidents)
        self.moment = moment
        self._rows: list[Notification] = []

    @cached_property
    def _groups(self) -> dict[str, list[str]]:
        return list_groups_by_permission()

    def tell_opened(self, incident: Incident) -> None:
        """Tell of an incident each channel that has not been told, once it is bad enough for one of its rules.

        Of a channel that has been, note by which further rules: it is told of the end where one of them tells it.
        """
        for channel, rules in self._list_wanting(incident).items():
            opened = self._stories[incident.pk, channel].opened
            if opened is None or (opened.status == Status.SKIPPED and not opened.has_arrived):
                self._add(incident, channel, What.OPENED, rules, former=opened)
            else:
                tells = opened.owes_end or any(rule.tells_recovery for rule in rules)
                _note(opened, [*opened.rules, *(rule.pk for rule in rules)], owes_end=tells)

    def revise(self, incident: Incident) -> None:
        """Bring an opening that waits in line with the rules and channels as they are now."""
        for channel, story in self._list_stories(incident):
            opened = story.opened
            if opened is None or opened.status != Status.WAITING:
                continue
            asking = self._list_asking(opened, incident, channel)
            if not asking:
                _skip(opened, _UNASKED)
                continue
            if story.is_untold:
                tells = any(rule.tells_recovery for rule in asking)
                _note(opened, [rule.pk for rule in asking], owes_end=tells)
            self._schedule(opened, incident, asking)

    def remind(self, incident: Incident) -> None:
        """Remind each channel that was told so long ago, unless somebody has the incident in hand.

        Nothing is written that would have to wait: what falls into quiet hours is written when they are over.
        """
        wanting = self._list_wanting(incident) if incident.is_found else {}
        silent = incident.is_silent(self.moment)
        for channel, story in self._list_stories(incident):
            due = [rule for rule in wanting.get(channel, ()) if self._is_due(story, rule)]
            if story.reminder and story.reminder.status == Status.WAITING:
                self._revise_reminder(incident, channel, story.reminder, [] if silent else due)
            elif due and not silent and not story.waits and self._may_be_told(incident, due):
                number = story.reminder.number + 1 if story.reminder else 1
                self._add(incident, channel, What.REMINDER, due, number=number)

    def _revise_reminder(self, incident: Incident, channel: int, row: Notification, due: Sequence[Rule]) -> None:
        """Leave out a reminder that waits for its next attempt where somebody has the incident in hand meanwhile."""
        asking = [rule for rule in self._list_asking(row, incident, channel) if rule.reminder_hours]
        if incident.is_silent(self.moment) or not asking:
            _skip(row, "Somebody has it in hand, or no rule asks for it any more.")
            return
        _note(row, [*row.rules, *(rule.pk for rule in due)])
        self._schedule(row, incident, [*asking, *due])

    def tell_recovered(self, incident: Incident) -> None:
        """Tell of the end each channel that was told of the beginning, now or when it is switched on again.

        Where the beginning still waits and was never tried, the one message about the end says all.
        """
        for channel, story in self._list_stories(incident):
            if story.reminder and story.reminder.status == Status.WAITING:
                _skip(story.reminder, _OVER)
            if story.opened and story.is_untold:
                _skip(story.opened, _OVER)
                asking = self._list_asking(story.opened, incident, channel)
                if any(rule.tells_recovery for rule in asking):
                    self._tell_end(incident, channel, story, story.opened)
            elif story.opened and story.opened.owes_end:
                self._bring_end(incident, channel, story, story.opened)

    def _bring_end(self, incident: Incident, channel: int, story: Story, opened: Notification) -> None:
        """See that a channel hears of the end, from the moment of it until the message is sent."""
        end = story.recovered
        if end and end.status == Status.WAITING:
            self._schedule(end, incident, self._recall(end))
        elif (end and end.status in {Status.SENT, Status.DEAD}) or not story.may_be_told:
            # It was told, or there is nothing to tell.
            Notification.objects.filter(pk=opened.pk).update(owes_end=False)
        elif end is None or (end.status == Status.SKIPPED and channel in self._on):
            self._tell_end(incident, channel, story, opened)

    def _tell_end(self, incident: Incident, channel: int, story: Story, opened: Notification) -> None:
        """Write the message about the end; to a channel that is off, one that is left out until it is on again.

        By which rules it is told is decided at the end, whatever becomes of them until it is sent.
        """
        asked = self._recall(story.recovered or opened)
        rules = asked if story.recovered else [rule for rule in asked if rule.tells_recovery] or asked
        left_out = "" if channel in self._on else _OFF
        self._add(incident, channel, What.RECOVERED, rules, former=story.recovered, left_out=left_out)

    def _list_stories(self, incident: Incident) -> Iterator[tuple[int, Story]]:
        for (pk, channel), story in self._stories.items():
            if pk == incident.pk:
                yield channel, story

    def _list_wanting(self, incident: Incident) -> dict[int, list[Rule]]:
        """Return the channels that may be told of an incident, each with its rules that want it by now."""
        rules = self._rules.values()
        found = by_channel(rule for rule in rules if rule.is_enabled and rule.wants(incident, self.moment))
        if incident.condition == CHANNEL_FAILING:
            # What is said about a channel would not arrive by it.
            found.pop(int(incident.scope.rpartition(":")[2]), None)
        return found

    def _list_asking(self, row: Notification, incident: Incident, channel: int) -> list[Rule]:
        """List those of the rules by which a message is told that still ask for it."""
        asked = (rule for rule in self._recall(row) if rule.is_enabled and rule.covers(incident))
        return by_channel(asked).get(channel, [])

    def _recall(self, row: Notification) -> list[Rule]:
        return [self._rules[pk] for pk in row.rules if pk in self._rules]

    def _is_due(self, story: Story, rule: Rule) -> bool:
        """Return whether a channel was last told so long ago that a rule wants it reminded."""
        if not rule.reminder_hours or story.last_told_at is None:
            return False
        return self.moment - story.last_told_at >= dt.timedelta(hours=rule.reminder_hours)

    def _may_be_told(self, incident: Incident, rules: Iterable[Rule]) -> bool:
        return find_moment(rules, incident.severity, self.moment) <= self.moment

    def _schedule(self, row: Notification, incident: Incident, rules: Iterable[Rule]) -> None:
        """Let a message that waits go out when it may by some rules, but no retry before its pause is over."""
        earliest = max(row.retry_at or self.moment, self.moment)
        not_before = find_moment(rules, incident.severity, earliest)
        if not_before != row.not_before and max(not_before, row.not_before) > self.moment:
            Notification.objects.filter(pk=row.pk, status=Status.WAITING).update(not_before=not_before)

    def _add(
        self,
        incident: Incident,
        channel: int,
        what: str,
        rules: Sequence[Rule],
        *,
        number: int = 1,
        former: Notification | None = None,
        left_out: str = "",
    ) -> None:
        """Write a message, or write again one that was left out; `left_out` says why this one is."""
        values = {
            "status": Status.SKIPPED if left_out else Status.WAITING,
            "error": left_out,
            "not_before": find_moment(rules, incident.severity, self.moment),
            "rules": [rule.pk for rule in rules],
            "owes_end": what == What.OPENED and any(rule.tells_recovery for rule in rules),
            "message": describe_incident(incident, what, number, self._groups),
            "created_at": self.moment,
        }
        if former is None:
            self._rows.append(Notification(incident=incident, channel_id=channel, what=what, number=number, **values))
        else:
            again = Notification.objects.filter(pk=former.pk, status=Status.SKIPPED)
            again.update(attempts=0, retry_at=None, finished_at=None, **values)

    def write(self) -> None:
        """Write the messages; what is there already stays as it is. Rings after the commit."""
        write(self._rows, self.moment)
        self._rows = []


def write(rows: list[Notification], moment: dt.datetime) -> None:
    """Write messages, each once, and ring after the commit where one may be sent at once."""
    if not rows:
        return
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if any(row.status == Status.WAITING and row.not_before <= moment for row in rows):
        transaction.on_commit(BELL.ring)


def skip_reminders(incident: Incident, why: str) -> None:
    """Leave out the reminders of an incident that wait to be sent."""
    waiting = incident.notifications.filter(what=What.REMINDER, status=Status.WAITING)
    waiting.update(status=Status.SKIPPED, error=why)


def _note(row: Notification, rules: Iterable[int], *, owes_end: bool = False) -> None:
    """Note by which rules a message is told, and with an opening, whether the end is to be told."""
    noted = list(dict.fromkeys(rules))
    if (set(noted), owes_end) != (set(row.rules), row.owes_end):
        row.rules, row.owes_end = noted, owes_end
        Notification.objects.filter(pk=row.pk).update(rules=noted, owes_end=owes_end)


def _skip(row: Notification, why: str) -> None:
    row.status, row.error = Status.SKIPPED, why
    Notification.objects.filter(pk=row.pk, status=Status.WAITING).update(status=row.status, error=why)
