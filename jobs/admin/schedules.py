"""Schedules: when declared jobs run. What runs is the code's; when, and whether at all, is the staff's."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.admin.pages import coloured
from common.clock import now
from jobs.admin import scheduling
from jobs.admin.words import describe_pause
from jobs.models import JobRun
from jobs.registry import find_job
from jobs.schedules import START_TASK, next_due

# A crontab or an interval has no page of its own: several schedules may share one, the house's own among them.
for _model in (PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)
# What staff call them.
PeriodicTask._meta.verbose_name, PeriodicTask._meta.verbose_name_plural = "schedule", "schedules"


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ModelAdmin):
    """The declared jobs' schedules, with when each is due next."""

    list_display = ("job", "schedule", "state", "due", "last_run")
    list_display_links = ("job",)
    list_select_related = ("crontab", "interval", "job_schedule")
    list_fullwidth = True
    actions = None
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        """Leave out what django-celery-beat and the spine keep for themselves."""
        queryset: QuerySet[PeriodicTask] = super().get_queryset(request)
        return queryset.filter(task=START_TASK)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the code declares what runs."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        """A schedule that is not wanted is paused: a deleted one would come back."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of a schedule."""
        name = "django_celery_beat_periodictask"
        own = [
            path("<int:task_id>/run/", self._door(scheduling.run_page), name=f"{name}_run"),
            path("<int:task_id>/pause/", self._door(scheduling.pause_page), name=f"{name}_pause"),
            path("<int:task_id>/resume/", self._door(scheduling.resume_page), name=f"{name}_resume"),
        ]
        return own + super().get_urls()

    def _door(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(partial(view, self))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a schedule, and let those change it who may."""
        return scheduling.schedule_page(self, request, object_id)

    @display(description="Job", ordering="name")
    def job(self, row: PeriodicTask) -> str:
        """Name the job that is started."""
        declared = find_job(row.job_schedule.job)
        if declared is None:
            return f"{row.name} (no longer declared)"
        return declared.title if row.name == declared.name else f"{declared.title} ({row.name})"

    @display(description="Schedule")
    def schedule(self, row: PeriodicTask) -> str:
        """Say in words when it runs, with the time zone."""
        return str(row.crontab.human_readable if row.crontab else row.interval)

    @display(description="State", ordering="enabled")
    def state(self, row: PeriodicTask) -> SafeString:
        """Return whether it runs at all, and if not, why and until when."""
        if row.enabled:
            return coloured("On", "success")
        return format_html("{} {}", coloured("Paused", "warning"), describe_pause(row.job_schedule))

    @display(description="Next due (UTC)")
    def due(self, row: PeriodicTask) -> str:
        """Tell when it runs next, and what keeps what is due from being started."""
        at = next_due(row, now())
        text = f"{at:%Y-%m-%d %H:%M}" if at else "-"
        return f"{text} · {row.job_schedule.problem}" if row.job_schedule.problem else text

    @display(description="Last run")
    def last_run(self, row: PeriodicTask) -> SafeString | str:
        """Lead to the job's last run."""
        run = JobRun.objects.filter(job=row.job_schedule.job).order_by("-id").first()
        if run is None:
            return "-"
        address = reverse("admin:jobs_jobrun_change", args=[run.pk])
        return format_html('<a class="hz-link" href="{}">{}</a> {}', address, run, run.get_status_display().lower())
