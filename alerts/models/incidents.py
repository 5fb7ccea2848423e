"""What is wrong, or was."""

import datetime as dt

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Severity(models.TextChoices):
    """How bad something is; what is critical is told in quiet hours too."""

    INFO = "info", "Information"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"
    CRITICAL = "critical", "Critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Incident(models.Model):
    """Something wrong, from when it was first found until it no longer is; one is open a condition and scope."""

    condition = models.CharField(max_length=64)
    scope = models.CharField(max_length=200)
    severity = models.CharField(max_length=16, choices=Severity)
    title = models.CharField(max_length=300)
    detail = models.TextField(blank=True)
    advice = models.TextField(blank=True)
    link = models.CharField(max_length=500, blank=True)
    permission = models.CharField(
        max_length=150, blank=True, db_default="", help_text="What pressing as the advice says takes."
    )
    since_at = models.DateTimeField(null=True, blank=True)
    count = models.PositiveIntegerField(default=1)
    opened_at = models.DateTimeField(default=timezone.now)
    is_found = models.BooleanField(default=True, help_text="Whether the last look found it.")
    cleared_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is no longer found.")
    returns = models.PositiveIntegerField(default=0, help_text="How often it came back before it was resolved.")
    came_back_at = ArrayField(
        models.DateTimeField(),
        default=list,
        # With defaults of the database's here and above: who writes while this is deployed knows nothing of them.
        db_default=[],
        editable=False,
        help_text="When it last came back, the last twelve times.",
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        default_permissions = ("change", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["condition", "scope"], condition=Q(resolved_at__isnull=True), name="alerts_incident_open"
            ),
        ]
        indexes = [
            models.Index(fields=["condition", "scope", "-id"], name="alerts_incident_scope"),
            models.Index(fields=["condition"], condition=Q(is_found=True), name="alerts_incident_found"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    @property
    def began_at(self) -> dt.datetime:
        """Since when it holds: as the condition says, or else when it was first found."""
        return self.since_at or self.opened_at

    def is_silent(self, moment: dt.datetime) -> bool:
        """Return whether reminders rest: somebody has it in hand or wants to hear of it later."""
        return self.acknowledged_at is not None or self.is_snoozed(moment)

    def is_snoozed(self, moment: dt.datetime) -> bool:
        """Return whether somebody wants to hear of it later."""
        return self.snoozed_until is not None and self.snoozed_until > moment


class Entry(models.Model):
    """What somebody did about an incident, or noted on it."""

    class Kind(models.TextChoices):
        NOTE = "note", "Note"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        SNOOZED = "snoozed", "Snoozed"
        WOKEN = "woken", "Snooze ended"
        RESOLVED = "resolved", "Resolved"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=16, choices=Kind)
    text = models.TextField(blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return self.text or self.get_kind_display()
