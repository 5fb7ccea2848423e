"""Who is told what, and when."""

import datetime as dt
import zoneinfo
from fnmatch import fnmatchcase

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from alerts.models.channels import Channel
from alerts.models.incidents import Incident, Severity


def check_time_zone(name: str) -> None:
    """Refuse a name that is no time zone's."""
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValidationError("Give a time zone like Europe/Dublin.") from None


class Rule(models.Model):
    """Which incidents and events are told to which channels, after what, when not, and how often again."""

    name = models.CharField(max_length=120, unique=True)
    is_enabled = models.BooleanField("enabled", default=True)
    kinds = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        verbose_name="conditions and events",
        help_text="None chosen: every condition, and no events.",
    )
    scopes = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="One a line, like monthly-billing or billing-*; empty for all.",
    )
    outcomes = ArrayField(
        models.CharField(max_length=32),
        default=list,
        blank=True,
        help_text="Of events only: with which outcome; none chosen for any.",
    )
    min_severity = models.CharField("from severity", max_length=16, choices=Severity, default=Severity.WARNING)
    min_count = models.PositiveIntegerField(
        "after … times",
        default=1,
        validators=[MinValueValidator(1)],
        help_text="Tell only of what has happened at least so often.",
    )
    min_minutes = models.PositiveIntegerField(
        "after … minutes", default=0, help_text="Tell only of what has been open at least so long."
    )
    channels = models.ManyToManyField(Channel, related_name="rules")
    quiet_from = models.TimeField(null=True, blank=True, help_text="What is critical is told all the same.")
    quiet_until = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    reminder_hours = models.PositiveIntegerField(
        "remind every … hours", default=24, help_text="0 for never. Nobody is reminded of what somebody acknowledged."
    )
    tells_recovery = models.BooleanField("tell recovery too", default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        default_permissions = ("add", "change", "delete", "view")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="alerts_rule_quiet_hours",
                violation_error_message="Quiet hours need both their beginning and their end, or neither.",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True) | ~Q(quiet_from=F("quiet_until")),
                name="alerts_rule_quiet_ends",
                violation_error_message="Quiet hours that end when they begin would never end.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def wants(self, incident: Incident, moment: dt.datetime) -> bool:
        """Return whether an incident is one of this rule's, and bad enough by now."""
        return self.covers(incident) and (
            incident.count >= self.min_count and moment - incident.opened_at >= dt.timedelta(minutes=self.min_minutes)
        )

    def covers(self, incident: Incident) -> bool:
        """Return whether an incident is one of this rule's."""
        chosen = not self.kinds or incident.condition in self.kinds
        grave = Severity(incident.severity).rank >= Severity(self.min_severity).rank
        return chosen and grave and self._has_scope(incident.scope)

    def wants_event(self, kind: str, scope: str, outcome: str) -> bool:
        """Return whether an event is one of this rule's: only those that it names are."""
        right = not self.outcomes or outcome in self.outcomes
        return kind in self.kinds and right and self._has_scope(scope)

    def _has_scope(self, scope: str) -> bool:
        return not self.scopes or any(fnmatchcase(scope, pattern) for pattern in self.scopes)

    def find_quiet_end(self, moment: dt.datetime) -> dt.datetime | None:
        """Return when the quiet hours that an instant falls into are over; None where it falls into none.

        They last from the first time the clock shows their beginning to the last time it shows their end, whatever
        daylight saving does in between.
        """
        if self.quiet_from is None or self.quiet_until is None:
            return None
        zone = zoneinfo.ZoneInfo(self.time_zone)
        today = moment.astimezone(zone).date()
        for day in (today - dt.timedelta(days=1), today):
            last = day if self.quiet_from < self.quiet_until else day + dt.timedelta(days=1)
            begin, end = min(_instants(day, self.quiet_from, zone)), max(_instants(last, self.quiet_until, zone))
            if begin <= moment < end:
                return end
        return None


def _instants(day: dt.date, time: dt.time, zone: zoneinfo.ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Return the instants at which a clock on the wall may be said to show a time: two where it is put back."""
    local = dt.datetime.combine(day, time.replace(tzinfo=zone, fold=0))
    return local.astimezone(dt.UTC), local.replace(fold=1).astimezone(dt.UTC)
