"""Who must hear what and when, worked out a second time from `docs/alerts.md`, and timelines to try it on.

Nothing here asks the program: rules, channels and incidents are kept as plain values beside the rows.
"""

import datetime as dt
import zoneinfo
from collections import defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

RANKS = ("info", "warning", "error", "critical")
SEVERITIES = {"broken": "error", "burning": "critical"}


@dataclass
class RuleModel:
    """A rule as staff see it."""

    channels: set[int]
    is_enabled: bool = True
    kinds: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    min_severity: str = "warning"
    min_count: int = 1
    min_minutes: int = 0
    quiet: tuple[dt.time, dt.time] | None = None
    zone: str = "UTC"
    reminder_hours: int = 24
    tells_recovery: bool = True

    def covers(self, incident: "IncidentModel") -> bool:
        grave = RANKS.index(SEVERITIES[incident.condition]) >= RANKS.index(self.min_severity)
        named = not self.scopes or any(fnmatchcase(incident.scope, scope) for scope in self.scopes)
        return self.is_enabled and grave and named and (not self.kinds or incident.condition in self.kinds)

    def wants(self, incident: "IncidentModel", now: dt.datetime) -> bool:
        old_enough = now - incident.opened_at >= dt.timedelta(minutes=self.min_minutes)
        return self.covers(incident) and incident.count >= self.min_count and old_enough

    def is_quiet(self, now: dt.datetime) -> bool:
        if self.quiet is None:
            return False
        (begin, end), clock = self.quiet, now.astimezone(zoneinfo.ZoneInfo(self.zone)).time()
        return begin <= clock < end if begin < end else clock >= begin or clock < end


@dataclass
class Ear:
    """What one channel knows of one incident."""

    told_at: dt.datetime | None = None
    # By which rules it is told: while it waits those that ask for it, later all that ever did.
    rules: set[int] = field(default_factory=set)
    tells_end: bool = False
    last_at: dt.datetime | None = None
    reminders: int = 0
    # By which rules the end waits to be told; None where it is not to be.
    end: set[int] | None = None
    is_only_message: bool = False


@dataclass
class IncidentModel:
    """An incident as it is."""

    condition: str
    scope: str
    opened_at: dt.datetime
    count: int
    is_open: bool = True
    is_known: bool = False
    acknowledged: bool = False
    snoozed_until: dt.datetime | None = None
    ears: defaultdict[int, Ear] = field(default_factory=lambda: defaultdict(Ear))

    def is_silent(self, now: dt.datetime) -> bool:
        return self.acknowledged or (self.snoozed_until is not None and self.snoozed_until > now)


Told = tuple[dt.datetime, int, str, str, str, int]


class Oracle:
    """Expects messages: (instant, channel, condition, scope, what, number)."""

    def __init__(self) -> None:
        self.rules: dict[int, RuleModel] = {}
        self.channels: dict[int, bool] = {}
        self.incidents: list[IncidentModel] = []
        self.expected: list[Told] = []

    def list_open(self) -> list[IncidentModel]:
        return [incident for incident in self.incidents if incident.is_open]

    def look(self, found: dict[tuple[str, str], int], now: dt.datetime) -> None:
        """Bring incidents to what is found, with a count, and tell of it."""
        for incident in self.incidents:
            self._see(incident, found.get((incident.condition, incident.scope)), now)
        for (condition, scope), count in found.items():
            if not any(one.is_open or one.is_known for one in self._list(condition, scope)):
                self.incidents.append(IncidentModel(condition, scope, now, count))
        for incident in self.list_open():
            for channel in self.channels:
                self._follow(incident, channel, incident.ears[channel], now)
        for incident in self.incidents:
            for channel, ear in incident.ears.items():
                self._bring_end(incident, channel, ear, now)

    def _list(self, condition: str, scope: str) -> list[IncidentModel]:
        return [one for one in self.incidents if (one.condition, one.scope) == (condition, scope)]

    def _see(self, incident: IncidentModel, count: int | None, now: dt.datetime) -> None:
        if incident.is_open:
            if count is None:
                self._end(incident, now)
            else:
                incident.count = count
        elif incident.is_known:
            # Resolved by hand: it stays so until it was gone, or there is more of it than the least there was.
            incident.is_known = count is not None and count <= incident.count
            incident.count = min(incident.count, count or 0)

    def resolve(self, incident: IncidentModel, now: dt.datetime) -> None:
        """End an incident by hand."""
        incident.is_known = True
        self._end(incident, now)

    def _list_asking(self, incident: IncidentModel, channel: int, ear: Ear) -> set[int]:
        """List the rules by which an opening waits that still ask for it."""
        rules = self.rules
        return {
            pk for pk in ear.rules
            if pk in rules and rules[pk].covers(incident) and channel in rules[pk].channels and self.channels[channel]
        }  # fmt: skip

    def _follow(self, incident: IncidentModel, channel: int, ear: Ear, now: dt.datetime) -> None:
        wanting = {
            pk for pk, rule in self.rules.items()
            if rule.wants(incident, now) and channel in rule.channels and self.channels[channel]
        }  # fmt: skip
        tells = any(self.rules[pk].tells_recovery for pk in wanting)
        if ear.told_at is not None:
            ear.rules |= wanting
            ear.tells_end |= tells
            self._remind(incident, channel, ear, wanting, now)
            return
        ear.rules = wanting | self._list_asking(incident, channel, ear)
        ear.tells_end = any(self.rules[pk].tells_recovery for pk in ear.rules)
        if ear.rules and self._may_speak(incident, ear.rules, now):
            ear.told_at = ear.last_at = now
            self._tell(incident, channel, "opened", 1, now)

    def _remind(self, incident: IncidentModel, channel: int, ear: Ear, wanting: set[int], now: dt.datetime) -> None:
        assert ear.last_at is not None
        waited = now - ear.last_at
        due = {
            pk for pk in wanting
            if self.rules[pk].reminder_hours and waited >= dt.timedelta(hours=self.rules[pk].reminder_hours)
        }  # fmt: skip
        if due and not incident.is_silent(now) and self._may_speak(incident, due, now):
            ear.last_at, ear.reminders = now, ear.reminders + 1
            self._tell(incident, channel, "reminder", ear.reminders, now)

    def _end(self, incident: IncidentModel, now: dt.datetime) -> None:
        incident.is_open = False
        for channel, ear in incident.ears.items():
            if ear.told_at is not None:
                owed = ear.tells_end
            else:
                asking = self._list_asking(incident, channel, ear)
                owed = ear.is_only_message = any(self.rules[pk].tells_recovery for pk in asking)
            if owed:
                ear.end = self._speakers_of_end(ear)

    def _speakers_of_end(self, ear: Ear) -> set[int]:
        known = {pk for pk in ear.rules if pk in self.rules}
        return {pk for pk in known if self.rules[pk].tells_recovery} or known

    def _bring_end(self, incident: IncidentModel, channel: int, ear: Ear, now: dt.datetime) -> None:
        if ear.end is None or not self._may_speak(incident, {pk for pk in ear.end if pk in self.rules}, now):
            return
        if self.channels[channel]:
            self._tell(incident, channel, "recovered", 1, now)
            ear.end = None
        elif ear.is_only_message:
            # It was switched off when the one message would have come, and knows of no beginning.
            ear.end = None

    def _may_speak(self, incident: IncidentModel, rules: set[int], now: dt.datetime) -> bool:
        critical = SEVERITIES[incident.condition] == "critical"
        return critical or not rules or any(not self.rules[pk].is_quiet(now) for pk in rules)

    def _tell(self, incident: IncidentModel, channel: int, what: str, number: int, now: dt.datetime) -> None:
        self.expected.append((now, channel, incident.condition, incident.scope, what, number))
