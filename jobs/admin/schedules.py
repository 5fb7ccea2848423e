"""Schedules: when declared jobs run. What runs is the code's; when, and whether at all, is the staff's."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display

from accounts.services.auditing import record_action
from common.clock import now
from jobs.admin.permissions import actor
from jobs.models import JobRun
from jobs.registry import find_job
from jobs.schedules import next_due

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[PeriodicTask]
else:
    _ModelForm = forms.ModelForm

for _model in (PeriodicTask, CrontabSchedule, IntervalSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(_model)


class ScheduleForm(_ModelForm):
    """When a job runs: either by crontab or by interval."""

    class Meta:
        model = PeriodicTask
        fields = ("enabled", "crontab", "interval", "description")

    def clean(self) -> dict[str, Any]:
        """Want exactly one kind of schedule."""
        super().clean()
        if bool(self.cleaned_data.get("crontab")) == bool(self.cleaned_data.get("interval")):
            raise forms.ValidationError("Choose either a crontab or an interval.")
        return self.cleaned_data

    def validate_unique(self) -> None:
        """Leave out the model's own check of the same, which names fields that this form does not have."""


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ModelAdmin):
    """The declared jobs' schedules, with when each is due next."""

    form = ScheduleForm
    fieldsets = (
        (None, {"fields": ("job", "enabled", "description")}),
        ("Schedule", {"fields": ("crontab", "interval", "due", "last_run")}),
    )
    readonly_fields = ("job", "due", "last_run")
    list_display = ("job", "schedule", "state", "due", "last_run")
    list_select_related = ("crontab", "interval")
    actions = ("resume", "pause")
    ordering = ("name",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        """Leave out what django-celery-beat keeps for itself."""
        queryset: QuerySet[PeriodicTask] = super().get_queryset(request)
        return queryset.exclude(name__startswith="celery.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the code declares what runs."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        """A schedule that is not wanted is paused: a deleted one would come back."""
        return False

    @display(description="Job")
    def job(self, row: PeriodicTask) -> str:
        """Name the job that is started."""
        declared = find_job(row.name)
        return f"{declared.title} ({row.name})" if declared else row.name

    @display(description="Schedule (UTC)")
    def schedule(self, row: PeriodicTask) -> str:
        """Say in words when it runs."""
        return str(row.crontab.human_readable if row.crontab else row.interval)

    @display(description="State", label={"On": "success", "Paused": "warning"})
    def state(self, row: PeriodicTask) -> str:
        """Tell whether it runs at all."""
        return "On" if row.enabled else "Paused"

    @display(description="Next due (UTC)")
    def due(self, row: PeriodicTask) -> str:
        """Tell when it runs next."""
        at = next_due(row, now())
        return f"{at:%Y-%m-%d %H:%M}" if at else "-"

    @display(description="Last run")
    def last_run(self, row: PeriodicTask) -> SafeString | str:
        """Lead to the job's last run."""
        run = JobRun.objects.filter(job=row.name).order_by("-id").first()
        if run is None:
            return "-"
        address = reverse("admin:jobs_jobrun_change", args=[run.pk])
        return format_html('<a class="hz-link" href="{}">{}</a> {}', address, run, run.get_status_display().lower())

    @action(description="Resume selected schedules", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Let schedules run again."""
        self._switch(request, queryset, enabled=True)

    @action(description="Pause selected schedules", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Stop schedules until somebody resumes them."""
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[PeriodicTask], *, enabled: bool) -> None:
        rows = list(queryset)
        for row in rows:
            # One by one: saving is what tells a running beat to look again.
            before, row.enabled = row.enabled, enabled
            with transaction.atomic():
                row.save(update_fields=["enabled"])  # type: ignore[no-untyped-call]  # the library has no types for it
                verb, change = "resume" if enabled else "pause", ({"enabled": before}, {"enabled": enabled})
                record_action(verb, row, actor=actor(request), before=change[0], after=change[1])
        what = "schedule" if len(rows) == 1 else "schedules"
        self.message_user(request, f"{len(rows)} {what} {'resumed' if enabled else 'paused'}.", messages.SUCCESS)


class UsedByInline(TabularInline):
    """The schedules that use a crontab or an interval; a change here changes them all."""

    model = PeriodicTask
    fields = ("name", "enabled")
    readonly_fields = fields
    can_delete = False
    extra = 0
    max_num = 0
    show_change_link = True
    verbose_name = verbose_name_plural = "used by"


class TimetableAdmin(ModelAdmin):
    """What schedules can use."""

    inlines = (UsedByInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting one would delete the schedules that use it."""
        return False


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(TimetableAdmin):
    """Cron expressions."""

    list_display = ("human_readable", "expression")
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")

    @display(description="Crontab")
    def expression(self, row: CrontabSchedule) -> str:
        """Write it as crontab does."""
        fields = (row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week)
        return f"{' '.join(fields)} ({row.timezone})"


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(TimetableAdmin):
    """Intervals."""
