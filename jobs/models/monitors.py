"""What watches a job: what staff expect of it, and how it stands."""

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.models.runs import JobRun
from jobs.registry import Job, find_job

# The runs that a monitor looks back on bound how many in a row it can ask for.
MOST_IN_A_ROW = 20
_IN_A_ROW = [MinValueValidator(1), MaxValueValidator(MOST_IN_A_ROW)]


class JobMonitor(models.Model):
    """What is expected of one job, and how it stands; `check_at` is when the tick has to look at it next."""

    class State(models.TextChoices):
        NEW = "new", "Not run yet"
        HEALTHY = "healthy", "Healthy"
        LATE = "late", "Late"
        MISSED = "missed", "Missed"
        HANGING = "hanging", "Hanging"
        FAILING = "failing", "Failing"
        PAUSED = "paused", "Paused"

    job = models.CharField(max_length=64, unique=True)
    grace_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MinValueValidator(60)],
        help_text="How long after its due time a run may begin before it counts as missed.",
    )
    longest_run_seconds = models.PositiveIntegerField(
        default=6 * 3600,
        validators=[MinValueValidator(60)],
        help_text="How long a run may take before it counts as hanging.",
    )
    failures_before_alert = models.PositiveSmallIntegerField(
        default=1, validators=_IN_A_ROW, help_text="How many runs must fail in a row before the job counts as failing."
    )
    successes_before_recovery = models.PositiveSmallIntegerField(
        default=1, validators=_IN_A_ROW, help_text="How many runs must go well in a row before it counts as healthy."
    )
    expected_floor = models.PositiveIntegerField(
        "expected items",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="A full run that brings fewer items to an end counts as incomplete. Empty: what the run expected.",
    )
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    paused_reason = models.CharField(max_length=500, blank=True, editable=False)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    state = models.CharField(max_length=16, choices=State, default=State.NEW, editable=False)
    state_since = models.DateTimeField(default=timezone.now, editable=False)
    why = models.CharField(max_length=500, blank=True, editable=False)
    run = models.ForeignKey(
        JobRun, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+", db_index=False
    )
    # By kind (late, missed, hanging, failing, incomplete): since, detail, run, count.
    troubles = models.JSONField(default=dict, blank=True, editable=False)
    met_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the last full run was asked.")
    counts_from = models.DateTimeField(default=timezone.now, editable=False)
    check_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["job"]
        verbose_name_plural = "monitors"
        default_permissions = ("view", "change")
        constraints = [
            models.CheckConstraint(
                condition=Q(paused_until__isnull=True) | Q(paused_at__isnull=False), name="jobs_monitor_pause"
            )
        ]
        indexes = [models.Index(fields=["check_at"], condition=Q(check_at__isnull=False), name="jobs_monitor_check")]

    def __str__(self) -> str:
        return self.declaration.title if self.declaration else self.job

    @property
    def declaration(self) -> type[Job] | None:
        """The job's declaration; None where the code no longer declares it."""
        return find_job(self.job)

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    def trouble(self, kind: str) -> dict[str, Any] | None:
        """Return what is known of one kind of trouble; None where there is none."""
        found: dict[str, Any] | None = self.troubles.get(kind)
        return found


class MonitorChange(models.Model):
    """One change of a monitor's state: when it was noticed, since when it held, and why."""

    monitor = models.ForeignKey(JobMonitor, on_delete=models.CASCADE, related_name="changes", db_index=False)
    at = models.DateTimeField()
    since = models.DateTimeField()
    before = models.CharField(max_length=16, choices=JobMonitor.State)
    after = models.CharField(max_length=16, choices=JobMonitor.State)
    why = models.CharField(max_length=500, blank=True)
    run = models.ForeignKey(JobRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)

    class Meta:
        ordering = ["-id"]
        default_permissions = ()
        indexes = [models.Index(fields=["monitor", "-id"], name="jobs_change_newest")]

    def __str__(self) -> str:
        return f"{self.get_before_display()} to {self.get_after_display().lower()}"
