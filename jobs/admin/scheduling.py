"""A schedule's page, with its next times before anything is saved; pausing, resuming and running now."""

import datetime as dt
from itertools import islice
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from common.clock import now
from common.errors import WorkError
from jobs.admin.pages import Button, render
from jobs.admin.permissions import actor, may_run
from jobs.admin.starting import report_start
from jobs.admin.words import RUN_TONES, describe_job, describe_schedule
from jobs.forms import MarkedReasonForm, PauseForm, ScheduleForm
from jobs.models import JobMonitor, JobRun, JobSchedule
from jobs.models.timetables import iterate_slots, zone_of
from jobs.registry import Job
from jobs.schedules import change_timetable
from jobs.selectors import list_recent_runs
from jobs.services import InvalidParams, read_params, start
from jobs.services.scheduling import pause_schedule, resume_schedule

VIEW, CHANGE = "django_celery_beat.view_periodictask", "django_celery_beat.change_periodictask"
_NEXT_TIMES = 5
_RUNS = 5


class _Shown:
    """A schedule as the head of its pages names it: without its times, which stand below."""

    _meta = PeriodicTask._meta

    def __init__(self, schedule: JobSchedule) -> None:
        self.pk, self._name = schedule.task_id, schedule.task.name

    def __str__(self) -> str:
        return str(self._name)


def _find(request: HttpRequest, object_id: str | int, *permissions: str) -> JobSchedule:
    if not request.user.has_perms(permissions):
        raise PermissionDenied
    text = str(object_id)
    known = JobSchedule.objects.select_related("task__crontab", "task__interval", "paused_by")
    if text.isascii() and text.isdigit() and len(text) <= 9 and (found := known.filter(task=int(text)).first()):
        return found
    raise Http404(f"There is no schedule {text}.")


def _address(schedule: JobSchedule, door: str = "change") -> str:
    return reverse(f"admin:django_celery_beat_periodictask_{door}", args=[schedule.task_id])


def list_next_times(
    task: PeriodicTask, moment: dt.datetime, job: type[Job] | None
) -> list[tuple[dt.datetime, str, str]]:
    """List the next due times in UTC, with the time in the row's own zone and with what the job is asked for then.

    Either text is empty where it would say nothing: the zone is UTC, or the job is asked for the same each time.
    """
    zone = zone_of(task)
    is_other = _zone(task) != "UTC"
    found = [(slot, slot.astimezone(zone)) for slot in islice(iterate_slots(task, moment), _NEXT_TIMES)]
    return [
        (slot, f"{local:%a %Y-%m-%d %H:%M %Z}" if is_other else "", job.describe_slot(local) if job else "")
        for slot, local in found
    ]


def schedule_page(admin: "ModelAdmin[Any]", request: HttpRequest, object_id: str) -> HttpResponse:
    """Show a schedule; preview or save what somebody makes of it."""
    schedule = _find(request, object_id, VIEW)
    may_change = _may_move(request, schedule)
    form, previewed = ScheduleForm(schedule.task, schedule.declaration), None
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        form = ScheduleForm(schedule.task, schedule.declaration, request.POST)
        if form.is_valid():
            if request.POST.get("action") == "save":
                note, reason = form.cleaned_data["note"], form.cleaned_data["reason"]
                is_moved = change_timetable(schedule, form.timetable, note, actor=actor(request), reason=reason)
                messages.success(request, _tell_saved(schedule, is_moved))
                return redirect(_address(schedule))
            previewed = form.timetable
    context = {
        **_describe(request, schedule),
        "form": form if may_change else None,
        "needs": _name_lacking(request, schedule),
        "previewed": list_next_times(previewed, now(), schedule.declaration) if previewed else None,
        "previewed_zone": _zone(previewed) if previewed else "",
    }
    return render(admin, request, "jobs/schedule.html", str(schedule), context)


def _may_move(request: HttpRequest, schedule: JobSchedule) -> bool:
    """Return whether somebody may change a timetable: choosing when a job starts is starting it."""
    return request.user.has_perm(CHANGE) and may_run(request, schedule.declaration)


def _may_end_pause(request: HttpRequest, schedule: JobSchedule) -> bool:
    """Return whether somebody may resume a schedule, or pause it until another time: ending a pause starts the job.

    Whoever paused it may, and whoever may start the job.
    """
    is_own = schedule.task.enabled or schedule.paused_by == request.user
    return request.user.has_perm(CHANGE) and (is_own or may_run(request, schedule.declaration))


def _tell_saved(schedule: JobSchedule, is_moved: bool) -> str:
    if not is_moved:
        return "The note was saved. The schedule rings as before."
    if not schedule.task.enabled:
        return "The schedule was saved. It is paused, and counts from when it is resumed."
    return "The schedule was saved. It counts from now on."


def _name_lacking(request: HttpRequest, schedule: JobSchedule) -> str:
    """Return the title of the job that somebody who may change schedules may not start, empty where they may."""
    job = schedule.declaration
    return job.title if job and request.user.has_perm(CHANGE) and not may_run(request, job) else ""


def _zone(task: PeriodicTask) -> str:
    return str(task.crontab.timezone) if task.crontab else "UTC"


def _describe(request: HttpRequest, schedule: JobSchedule) -> dict[str, Any]:
    job = schedule.declaration
    others = JobSchedule.objects.filter(job=schedule.job).exclude(pk=schedule.pk)
    return {
        "opts": PeriodicTask._meta,
        "original": _Shown(schedule),
        "schedule": schedule,
        "job_title": job.title if job else schedule.job,
        "about": describe_job(job) if job else "",
        "catch_up": _CATCH_UP[job.catch_up] if job else "",
        "words": describe_schedule(schedule.task),
        "zone": _zone(schedule.task),
        "next_times": list_next_times(schedule.task, now(), job) if schedule.task.enabled else [],
        "others": others.select_related("task__crontab", "task__interval"),
        "runs": [(run, RUN_TONES.get(run.status, "")) for run in (list_recent_runs(job, _RUNS) if job else [])],
        "monitor": JobMonitor.objects.filter(job=schedule.job).first(),
        "buttons": _list_buttons(request, schedule),
    }


_CATCH_UP = {
    "once": "The last one missed is caught up.",
    "all": "Each one missed is caught up, at most the newest hundred.",
    "none": "Nothing is caught up.",
}


def _list_buttons(request: HttpRequest, schedule: JobSchedule) -> list[Button]:
    buttons = []
    if may_run(request, schedule.declaration):
        buttons.append(Button("Run now…", _address(schedule, "run"), "primary"))
    if _may_end_pause(request, schedule):
        word = "pause" if schedule.task.enabled else "resume"
        buttons.append(Button(f"{word.capitalize()}…", _address(schedule, word)))
    return buttons


def _ask(
    admin: "ModelAdmin[Any]", request: HttpRequest, schedule: JobSchedule, form: forms.Form, word: str, says: list[str]
) -> HttpResponse:
    context = {
        "opts": PeriodicTask._meta,
        "original": _Shown(schedule),
        "form": form,
        "says": says,
        "word": word,
        "back": _address(schedule),
    }
    return render(admin, request, "jobs/ask.html", word, context)


def _find_to_pause(request: HttpRequest, task_id: int) -> JobSchedule:
    schedule = _find(request, task_id, VIEW, CHANGE)
    if not _may_end_pause(request, schedule):
        raise PermissionDenied
    return schedule


def pause_page(admin: "ModelAdmin[Any]", request: HttpRequest, task_id: int) -> HttpResponse:
    """Let a schedule rest."""
    schedule = _find_to_pause(request, task_id)
    form = PauseForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        reason, until = form.cleaned_data["reason"], form.cleaned_data["until"]
        pause_schedule(schedule, actor=actor(request), reason=reason, until=until, moment=now())
        names = f"{schedule} with {others} is" if (others := _name_others(schedule)) else f"{schedule} is"
        messages.success(request, f"{names} paused{f' until {until:%Y-%m-%d %H:%M} UTC' if until else ''}.")
        return redirect(_address(schedule))
    says = [f"Let {schedule} rest? What falls due meanwhile is neither started nor caught up."]
    if others := _name_others(schedule):
        says.append(f"This pauses the whole job: {others} with it.")
    if job := schedule.declaration:
        says += [job.about_pause] if job.about_pause else []
    says.append("Callers from outside, such as EventBridge or Vercel, have switches of their own.")
    return _ask(admin, request, schedule, form, "Pause", says)


def _name_others(schedule: JobSchedule, **those: bool) -> str:
    others = JobSchedule.objects.filter(job=schedule.job, **those).exclude(pk=schedule.pk).select_related("task")
    return ", ".join(str(other) for other in others)


def resume_page(admin: "ModelAdmin[Any]", request: HttpRequest, task_id: int) -> HttpResponse:
    """Let a schedule ring again."""
    schedule = _find_to_pause(request, task_id)
    if request.method == "POST":
        resume_schedule(schedule, actor=actor(request), moment=now())
        messages.success(request, f"{schedule} rings again from now on.")
        return redirect(_address(schedule))
    says = [f"Paused because: {schedule.paused_reason}"] if schedule.paused_reason else []
    others = _name_others(schedule, task__enabled=False)
    says.append(f"Let {schedule}{f' and {others}' if others else ''} ring again from now on?")
    says.append("What fell due meanwhile is not caught up.")
    if job := schedule.declaration:
        says += [job.about_pause] if job.about_pause else []
    return _ask(admin, request, schedule, forms.Form(), "Resume", says)


def run_page(admin: "ModelAdmin[Any]", request: HttpRequest, task_id: int) -> HttpResponse:
    """Start now what the schedule would start."""
    schedule = _find(request, task_id, VIEW)
    job = schedule.declaration
    if job is None or not may_run(request, job):
        raise PermissionDenied
    form = MarkedReasonForm(request.POST if request.method == "POST" else None, needs_reason=job.moves_money)
    if form.is_bound and form.is_valid():
        slot, reason = form.slot("schedule", str(schedule.pk)), form.cleaned_data["reason"]
        try:
            params = read_params(job, job.scheduled(now()))
            run, created = start(job, params, JobRun.Trigger.ADMIN, actor=actor(request), reason=reason, slot=slot)
        except (InvalidParams, WorkError) as error:
            form.add_error(None, str(error))
        else:
            report_start(request, run, created, slot)
            return redirect("admin:jobs_jobrun_change", run.pk)
    says = [
        f"Start {job.title.lower()} now, as if it were due? The schedule goes on as it is.",
        "To choose its parameters, or to look at a preview first, use “Start a job”.",
    ]
    return _ask(admin, request, schedule, form, "Run now", says)
