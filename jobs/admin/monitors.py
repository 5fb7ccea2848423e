"""Monitors: how each job stands, since when, why; what staff expect of it; and keeping quiet for a while."""

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.pages import coloured
from common.clock import now
from jobs.admin.pages import render
from jobs.admin.permissions import actor
from jobs.admin.words import MONITOR_TONES, describe_duration, describe_pause
from jobs.forms import MonitorForm, PauseForm, describe_span
from jobs.models import JobMonitor, JobSchedule
from jobs.selectors import list_recent_runs
from jobs.services.monitoring import pause_monitor, resume_monitor

_CHANGES_SHOWN = 20
_WHEN_ENDED = (("failures_before_alert", "successes_before_recovery"), "expected_floor")
CHANGE = "jobs.change_jobmonitor"
_KINDS = {"late": "Late", "missed": "Missed", "hanging": "Hanging", "failing": "Failing", "incomplete": "Incomplete"}


@admin.register(JobMonitor)
class JobMonitorAdmin(ModelAdmin):
    """The monitors, one a declared job."""

    list_display = ("name", "standing", "since", "reason", "last_run", "due")
    list_display_links = ("name",)
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_fullwidth = True
    actions = None
    ordering = ("job",)
    show_facets = admin.ShowFacets.NEVER
    change_form_template = "jobs/monitor.html"
    form = MonitorForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Each declared job has one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JobMonitor | None = None) -> bool:
        """Each declared job has one; pause it instead."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show spans in words to whoever may not change them, too."""
        may = self.has_change_permission(request, obj)
        return (
            ("When due", {"fields": ("grace_seconds" if may else "grace",)}),
            ("While it runs", {"fields": ("longest_run_seconds" if may else "longest_run",)}),
            ("When it has ended", {"fields": _WHEN_ENDED}),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of pausing."""
        own = [
            path("<int:monitor_id>/pause/", self._door(pause_page), name="jobs_jobmonitor_pause"),
            path("<int:monitor_id>/resume/", self._door(resume_page), name="jobs_jobmonitor_resume"),
        ]
        return own + super().get_urls()

    def _door(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(partial(view, self))

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobMonitor]:
        """Read with each monitor who paused it."""
        queryset: QuerySet[JobMonitor] = super().get_queryset(request)
        return queryset.select_related("paused_by", "run")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what staff may edit and nothing else, and let the next tick look at it."""
        obj.check_at = now()
        obj.save(update_fields=[*form.changed_data, "check_at"])

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show above the form how the job stands, and below it how it stood."""
        found = self.get_object(request, object_id)
        if not isinstance(found, JobMonitor):
            raise Http404(f"There is no monitor {object_id}.")
        context = {**_describe(request, found), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    @display(description="Job", ordering="job")
    def name(self, monitor: JobMonitor) -> str:
        """Name the job."""
        return str(monitor) if monitor.declaration else f"{monitor} (no longer declared)"

    @display(description="State", ordering="state")
    def standing(self, monitor: JobMonitor) -> SafeString:
        """Show the state as a coloured label."""
        return coloured(monitor.get_state_display(), MONITOR_TONES.get(monitor.state, ""))

    @display(description="Since (UTC)", ordering="state_since")
    def since(self, monitor: JobMonitor) -> str:
        """Tell since when."""
        return f"{monitor.state_since:%Y-%m-%d %H:%M}"

    @display(description="Why")
    def reason(self, monitor: JobMonitor) -> SafeString | str:
        """Tell why it does not stand well."""
        return format_html('<div class="hz-clip">{}</div>', monitor.why) if monitor.why else "-"

    @display(description="Grace")
    def grace(self, monitor: JobMonitor) -> str:
        """Write it in words."""
        return describe_span(monitor.grace_seconds)

    @display(description="Longest run")
    def longest_run(self, monitor: JobMonitor) -> str:
        """Write it in words."""
        return describe_span(monitor.longest_run_seconds)

    @display(description="Last run")
    def last_run(self, monitor: JobMonitor) -> SafeString | str:
        """Lead to the job's last run."""
        run = next(iter(list_recent_runs(monitor.declaration, 1)), None) if monitor.declaration else None
        if run is None:
            return "-"
        address = reverse("admin:jobs_jobrun_change", args=[run.pk])
        return format_html('<a class="hz-link" href="{}">{}</a> {}', address, run, run.get_status_display().lower())

    @display(description="Next due (UTC)")
    def due(self, monitor: JobMonitor) -> str:
        """Tell when the job runs next."""
        at = _next_due(list(_schedules(monitor)), now())
        return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def _schedules(monitor: JobMonitor) -> QuerySet[JobSchedule]:
    return JobSchedule.objects.filter(job=monitor.job).select_related("task__crontab", "task__interval")


def _next_due(schedules: list[JobSchedule], moment: dt.datetime) -> dt.datetime | None:
    return min(filter(None, (schedule.next_slot(moment) for schedule in schedules)), default=None)


def _describe(request: HttpRequest, monitor: JobMonitor) -> dict[str, Any]:
    schedules = list(_schedules(monitor))
    job = monitor.declaration
    door = "resume" if monitor.is_paused else "pause"
    return {
        "monitor": monitor,
        "tone": MONITOR_TONES.get(monitor.state, ""),
        "lasted": describe_duration(now() - monitor.state_since),
        "troubles": [
            {"kind": title, **trouble, "since": dt.datetime.fromisoformat(trouble["since"])}
            for kind, title in _KINDS.items()
            if (trouble := monitor.trouble(kind))
        ],
        "pause_text": describe_pause(monitor),
        "door": reverse(f"admin:jobs_jobmonitor_{door}", args=[monitor.pk]) if request.user.has_perm(CHANGE) else "",
        "schedules": schedules,
        "next_at": _next_due(schedules, now()),
        "last_run": next(iter(list_recent_runs(job, 1)), None) if job else None,
        "changes": [
            (change, MONITOR_TONES.get(change.after, ""))
            for change in monitor.changes.select_related("run")[:_CHANGES_SHOWN]
        ],
    }


def _find(request: HttpRequest, monitor_id: int) -> JobMonitor:
    if not request.user.has_perms(("jobs.view_jobmonitor", CHANGE)):
        raise PermissionDenied
    return get_object_or_404(JobMonitor, pk=monitor_id)


def _ask(
    admin: "ModelAdmin", request: HttpRequest, monitor: JobMonitor, form: forms.Form, word: str, says: list[str]
) -> HttpResponse:
    context = {
        "opts": JobMonitor._meta,
        "original": monitor,
        "form": form,
        "says": says,
        "word": word,
        "back": reverse("admin:jobs_jobmonitor_change", args=[monitor.pk]),
    }
    return render(admin, request, "jobs/ask.html", f"{word} the monitor", context)


def pause_page(admin: "ModelAdmin", request: HttpRequest, monitor_id: int) -> HttpResponse:
    """Let a monitor keep quiet."""
    monitor = _find(request, monitor_id)
    form = PauseForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        reason, until = form.cleaned_data["reason"], form.cleaned_data["until"]
        pause_monitor(monitor, actor=actor(request), reason=reason, until=until, moment=now())
        messages.success(request, f"The monitor of {monitor} keeps quiet.")
        return redirect("admin:jobs_jobmonitor_change", monitor.pk)
    says = [
        f"Stop watching {monitor}? Its runs go on; nobody is told of what goes wrong with them.",
        "Open incidents of it are resolved.",
    ]
    return _ask(admin, request, monitor, form, "Pause", says)


def resume_page(admin: "ModelAdmin", request: HttpRequest, monitor_id: int) -> HttpResponse:
    """Let a monitor watch again."""
    monitor = _find(request, monitor_id)
    if request.method == "POST":
        resume_monitor(monitor, actor=actor(request), moment=now())
        messages.success(request, f"{monitor} is watched again.")
        return redirect("admin:jobs_jobmonitor_change", monitor.pk)
    says = [f"Paused because: {monitor.paused_reason}"] if monitor.paused_reason else []
    says.append(f"Watch {monitor} again from now on? What fell due meanwhile is not held against it.")
    return _ask(admin, request, monitor, forms.Form(), "Resume", says)
