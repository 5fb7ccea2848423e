"""What is known of a schedule beyond django-celery-beat's row: since when it counts, what is due, its pause."""

import datetime as dt
import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import ProtectedError, Q
from django_celery_beat.models import PeriodicTask

from jobs.models.timetables import next_slot, zone_of
from jobs.registry import Job, find_job


def keep_last_pause(collector: Any, field: Any, schedules: "models.QuerySet[JobSchedule]", using: str) -> None:
    """Delete schedules with their rows, but never the last of a paused job: declared again, it would not be paused.

    Raises ProtectedError there.
    """
    for schedule in schedules:
        others = JobSchedule.objects.filter(job=schedule.job).exclude(pk__in=[one.pk for one in schedules])
        if schedule.is_paused and not others.exists():
            raise ProtectedError(f"“{schedule}” is paused: resume it first.", {schedule})
    models.CASCADE(collector, field, schedules, using)


class JobSchedule(models.Model):
    """The standing of one schedule of a job; `task` says when it rings.

    `due_at` is when the tick has to look at it next: its first slot that was not handled yet, or its pause's end.
    """

    task = models.OneToOneField(PeriodicTask, on_delete=keep_last_pause, related_name="job_schedule")
    job = models.CharField(max_length=64)
    timetable = models.CharField(max_length=400, blank=True, help_text="What the due time was computed from.")
    counts_from = models.DateTimeField(help_text="Slots before it never counted: created, edited or resumed then.")
    due_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=500, blank=True, help_text="Why the due slot was not started yet.")
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(max_length=500, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["task__name"]
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(paused_until__isnull=True) | Q(paused_at__isnull=False), name="jobs_schedule_pause"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="jobs_schedule_due"),
            models.Index(fields=["job"], name="jobs_schedule_job"),
        ]

    def __str__(self) -> str:
        return str(self.task.name)

    @property
    def declaration(self) -> type[Job] | None:
        """The job's declaration; None where the code no longer declares it."""
        return find_job(self.job)

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    def in_own_zone(self, slot_at: dt.datetime) -> dt.datetime:
        """Read a due time as the clock says where the schedule is: that of its crontab's zone, UTC otherwise."""
        return slot_at.astimezone(zone_of(self.task))

    def next_slot(self, after: dt.datetime) -> dt.datetime | None:
        """Return the first due time after an instant; None while it is paused."""
        return None if self.is_paused or not self.task.enabled else next_slot(self.task, after)


def job_of(task: PeriodicTask) -> str:
    """Return the name of the job that a row starts."""
    return str(json.loads(task.kwargs or "{}").get("job", task.name))
