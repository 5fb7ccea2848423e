"""Starting a job: the list of what can be started, and the form with its parameters."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django_celery_beat.models import PeriodicTask

from common.clock import now
from common.errors import WorkError
from jobs.admin.pages import render
from jobs.admin.permissions import actor, may_run, may_start_anything
from jobs.admin.previews import describe_preview, find_preview, is_previewed
from jobs.admin.words import RUN_TONES, describe_job, describe_schedule
from jobs.forms import StartForm, has_preview
from jobs.models import JobRun
from jobs.registry import Job, find_job, list_jobs
from jobs.schedules import next_due
from jobs.selectors import list_recent_runs
from jobs.services import InvalidParams, start


@dataclass(frozen=True)
class Offer:
    """A job as the list shows it."""

    name: str
    title: str
    about: str
    schedule: str
    next_at: Any
    last: JobRun | None
    tone: str
    may_start: bool


def list_page(admin: "ModelAdmin[JobRun]", request: HttpRequest) -> HttpResponse:
    """List the jobs with what they do, when they run next and how they ran last."""
    if not may_start_anything(request):
        raise PermissionDenied
    rows = {row.name: row for row in PeriodicTask.objects.select_related("crontab", "interval")}
    offers = [_offer(request, job, rows.get(job.name)) for job in list_jobs()]
    return render(admin, request, "jobs/start_list.html", "Start a job", {"offers": offers})


def _offer(request: HttpRequest, job: type[Job], row: PeriodicTask | None) -> Offer:
    last = next(iter(list_recent_runs(job, limit=1)), None)
    return Offer(
        job.name,
        job.title,
        describe_job(job),
        describe_schedule(row) if row else "",
        next_due(row, now()) if row else None,
        last,
        RUN_TONES.get(last.status, "") if last else "",
        may_run(request, job),
    )


def form_page(admin: "ModelAdmin[JobRun]", request: HttpRequest, name: str) -> HttpResponse:
    """Ask for a job's parameters and start it, for real or as a preview."""
    job = find_job(name)
    if job is None:
        raise Http404(f"There is no job {name}.")
    if not may_run(request, job):
        raise PermissionDenied
    preview = find_preview(request.GET.get("preview", ""), job)
    dry_run = has_preview(job) and request.POST.get("action") == "preview"
    needs_reason = job.moves_money and not dry_run
    form = StartForm(
        job,
        request.POST if request.method == "POST" else None,
        values=_values_of(preview),
        dry_run=dry_run,
        needs_reason=needs_reason,
        initial={"reason": preview.reason} if preview else {},
    )
    if request.method == "POST" and form.is_valid():
        if not dry_run and job(form.params).previews_first() and not is_previewed(preview, form.params, form.slot()):
            form.add_error(None, "Press “Preview” and look at the difference first; then start it from the preview.")
        elif response := _start(request, job, form):
            return response
    context = {
        "about": describe_job(job),
        "form": form,
        "may_preview": has_preview(job),
        "asks_reason": job.moves_money,
        **describe_preview(preview),
    }
    return render(admin, request, "jobs/start_form.html", f"Start {job.title.lower()}", context)


def _values_of(preview: JobRun | None) -> dict[str, Any]:
    if preview is None or preview.declaration is None:
        return {}
    params = preview.declaration.Params.model_validate(preview.params)
    return {name: getattr(params, name) for name in type(params).model_fields}


def _start(request: HttpRequest, job: type[Job], form: StartForm) -> HttpResponse | None:
    slot = form.slot()
    try:
        run, created = start(
            job,
            form.params,
            JobRun.Trigger.ADMIN,
            actor=actor(request),
            reason=form.cleaned_data["reason"],
            slot=slot,
        )
    except InvalidParams as error:
        for name, text in error.errors.items():
            form.add_error(name if name in form.fields else None, text)
        return None
    except WorkError as error:
        form.add_error(None, error.message)
        return None
    report_start(request, run, created, slot)
    return redirect("admin:jobs_jobrun_change", run.pk)


def report_start(request: HttpRequest, run: JobRun, created: bool, slot: str) -> None:
    """Return whether something was started; a second click on the same button is not worth a word."""
    if created:
        messages.success(request, f"{run} was started.")
    elif run.slot != slot:
        messages.warning(request, f"{run} is under way already; nothing new was started.")
