"""The ledger of work: a run a start, an item a thing worked on."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from jobs.registry import Job, find_job


class JobRun(models.Model):
    """One start of a job, with what was asked, by whom, and how it went."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        PARTIAL = "partial", "Partly failed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        NOTHING_TO_DO = "nothing_to_do", "Nothing to do"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "Schedule"
        HTTP = "http", "HTTP"
        ADMIN = "admin", "Admin"
        COMMAND = "command", "Command line"
        JOB = "job", "Another job"

    class Mode(models.TextChoices):
        NORMAL = "", "Everything"
        ALL = "all", "Rerun of all"
        FAILED = "failed", "Rerun of what failed"
        MISSING = "missing", "Rerun of what is missing"

    ACTIVE = (Status.QUEUED, Status.RUNNING)

    job = models.CharField(max_length=64)
    params = models.JSONField(default=dict, blank=True)
    dry_run = models.BooleanField(default=False)
    slot = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - NULL: this start claims no slot
    overlap_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - NULL: may overlap
    trigger = models.CharField(max_length=16, choices=Trigger)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="reruns")
    mode = models.CharField(max_length=16, choices=Mode, default=Mode.NORMAL, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True)
    summary = models.JSONField(default=dict, blank=True)
    expected = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "runs"
        default_permissions = ("view",)
        permissions = [("start_jobrun", "Can start, rerun and cancel jobs")]
        constraints = [
            models.UniqueConstraint(fields=["job", "slot"], condition=Q(slot__isnull=False), name="jobs_run_slot"),
            models.UniqueConstraint(
                fields=["overlap_key"],
                condition=Q(overlap_key__isnull=False, status__in=["queued", "running"]),
                name="jobs_run_overlap",
            ),
        ]
        indexes = [
            models.Index(fields=["job", "-id"], name="jobs_run_job"),
            models.Index(fields=["id"], condition=Q(status__in=["queued", "running"]), name="jobs_run_active"),
            models.Index(fields=["created_at"], name="jobs_run_created"),
            models.Index(
                fields=["finished_at"],
                condition=Q(reported_at__isnull=True, finished_at__isnull=False, dry_run=False),
                name="jobs_run_unreported",
            ),
            models.Index(fields=["id"], condition=Q(failed__gt=0), name="jobs_run_failures"),
        ]

    def __str__(self) -> str:
        return f"{self.declaration.title if self.declaration else self.job} #{self.pk}"

    @property
    def declaration(self) -> type[Job] | None:
        """The job's declaration; None where the code no longer declares it."""
        return find_job(self.job)

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def has_work_now(self) -> bool:
        """Whether a worker would find something to do: items to take, or nothing left but the end to write down."""
        if self.status == self.Status.QUEUED:
            return True
        moment = timezone.now()
        unended = self.items.filter(status__in=["pending", "running"])
        due = Q(status="pending", not_before__isnull=True) | Q(status="pending", not_before__lte=moment)
        abandoned = Q(status="running", lease_expires_at__lt=moment)
        return unended.filter(due | abandoned).exists() or not unended.exists()

    @property
    def ended(self) -> int:
        """How many items have come to their end."""
        return self.done + self.skipped + self.failed

    @property
    def missing(self) -> int:
        """How many expected items never came to an end."""
        return self.expected - self.ended

    @property
    def percent(self) -> int:
        return 100 * self.ended // self.expected if self.expected else (0 if self.is_active else 100)

    @property
    def duration(self) -> dt.timedelta | None:
        if not self.started_at:
            return None
        return (self.finished_at or timezone.now()) - self.started_at


class AnsweredSlot(models.Model):
    """A slot whose delivery found a run under way: whoever delivers it again gets that run, ended or not."""

    job = models.CharField(max_length=64)
    slot = models.CharField(max_length=200)
    run = models.ForeignKey(JobRun, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["job", "slot"], name="jobs_answered_slot")]

    def __str__(self) -> str:
        return self.slot


class JobItem(models.Model):
    """One thing that a run works on, with the steps it went through; a work queue and a ledger in one."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    run = models.ForeignKey(JobRun, on_delete=models.PROTECT, related_name="items", db_index=False)
    key = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    step = models.CharField(max_length=32, blank=True, help_text="Where it stands, or where it failed.")
    steps = models.JSONField(default=dict, blank=True)
    result = models.JSONField(default=dict, blank=True)
    error_kind = models.CharField(max_length=16, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0)
    token = models.PositiveIntegerField(default=0, help_text="Fencing: only the holder of the newest token may write.")
    worker = models.CharField(max_length=120, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "items"
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="jobs_item_key")]
        indexes = [
            models.Index(fields=["run", "id"], condition=Q(status="pending"), name="jobs_item_pending"),
            models.Index(fields=["run", "lease_expires_at"], condition=Q(status="running"), name="jobs_item_leased"),
            models.Index(
                fields=["run", "status", "step", "id"],
                condition=Q(status__in=["done", "skipped", "failed", "cancelled"]),
                name="jobs_item_ended",
            ),
            models.Index(fields=["key", "-id"], name="jobs_item_by_key"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def stands_at(self) -> str:
        """The step at which it waits, runs or failed; what went well stands at none."""
        return "" if self.status in {self.Status.DONE, self.Status.SKIPPED} else self.step

    @property
    def history(self) -> list[dict[str, Any]]:
        """Its steps in the order in which they were done, each with name, status, attempts, seconds and errors."""
        steps = [{"name": name, **record} for name, record in self.steps.items()]
        # The database keeps no order within JSON. Where an item stands is behind what is done of it.
        return sorted(steps, key=lambda step: (step["status"] != "done", step.get("started_at", "")))


class Tick(models.Model):
    """When something that must happen again and again did so last, by the database's clock."""

    name = models.CharField(max_length=32, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
