"""Rerunning and cancelling: each asks first, and says what will happen."""

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from common.errors import WorkError
from jobs.admin.pages import get_run, render
from jobs.admin.permissions import actor, require_run
from jobs.admin.previews import describe_preview, find_preview_of_rerun
from jobs.admin.starting import report_start
from jobs.admin.words import describe_params
from jobs.forms import DRY_RUN, MarkedReasonForm, has_preview
from jobs.models import JobRun
from jobs.registry import Job
from jobs.selectors import count_failed_left
from jobs.services import InvalidParams, cancel_run, read_params, rerun, start

_MODES = {
    JobRun.Mode.FAILED: "Rerun failed",
    JobRun.Mode.MISSING: "Rerun missing",
    JobRun.Mode.ALL: "Rerun all",
}


def rerun_page(admin: "ModelAdmin[JobRun]", request: HttpRequest, run_id: int, mode: str) -> HttpResponse:
    """Confirm and start a rerun; where money moves, its preview comes first."""
    run = get_run(run_id)
    job = require_run(request, run)
    if mode not in _MODES:
        raise Http404(f"There is no rerun of “{mode}”.")
    if run.is_active or run.dry_run:
        active = "still under way: wait for its end or cancel it first."
        messages.error(request, f"{run} is {active if run.is_active else 'a preview: start it for real.'}")
        return redirect("admin:jobs_jobrun_change", run.pk)
    if request.method != "POST" and mode == JobRun.Mode.FAILED and run.failed and not count_failed_left(run):
        messages.info(request, f"Nothing of {run} is left: later runs brought to a good end what failed.")
        return redirect("admin:jobs_jobrun_change", run.pk)
    preview = find_preview_of_rerun(run, mode)
    previews_first = job.moves_money and has_preview(job)
    wants_preview = has_preview(job) and request.POST.get("action") == "preview"
    data = request.POST if request.method == "POST" else None
    form = MarkedReasonForm(data, needs_reason=job.moves_money and not wants_preview)
    if form.is_bound and form.is_valid():
        if previews_first and not wants_preview and (preview is None or preview.is_active):
            form.add_error(None, "Look at a preview of the difference first.")
        elif response := _rerun(request, run, mode, form, job if wants_preview else None):
            return response
    context = {
        "opts": JobRun._meta,
        "original": run,
        "run": run,
        "form": form,
        "params": describe_params(run),
        "action_name": "rerun",
        "action_text": _MODES[JobRun.Mode(mode)],
        "explanation": _explain(run, mode),
        "may_preview": has_preview(job),
        "may_confirm": not previews_first or (preview is not None and not preview.is_active),
        **describe_preview(preview),
    }
    return render(admin, request, "jobs/confirm.html", _MODES[JobRun.Mode(mode)], context)


def _explain(run: JobRun, mode: str) -> str:
    if mode == JobRun.Mode.FAILED:
        left = count_failed_left(run)
        since = "" if left == run.failed else f" {_count(run.failed - left)} went well in later runs."
        return f"{_count(left)} that failed will be worked on again.{since} Steps that are done are not repeated."
    if mode == JobRun.Mode.MISSING:
        left = count_failed_left(run)
        failed = f" {_count(left)} that failed will not: “Rerun failed” takes those." if left else ""
        wanted = f"{_count(run.missing)} that never came to an end will be worked on, and whatever is expected since."
        return f"{wanted}{failed}"
    return "Everything expected will be worked on again. What is done already is found, and not done twice."


def _count(number: int) -> str:
    return "1 item" if number == 1 else f"{number:,} items"


def _rerun(
    request: HttpRequest, run: JobRun, mode: str, form: MarkedReasonForm, preview_of: type[Job] | None
) -> HttpResponse | None:
    slot = form.slot("preview" if preview_of else "rerun", str(run.pk), mode)
    trigger, reason = JobRun.Trigger.ADMIN, form.cleaned_data["reason"]
    try:
        if preview_of:
            params = read_params(preview_of, {**run.params, DRY_RUN: True})
            start(preview_of, params, trigger, actor=actor(request), reason=reason, slot=slot, parent=run, mode=mode)
            return redirect("admin:jobs_jobrun_rerun", run.pk, mode)
        started, created = rerun(run, mode, trigger=trigger, actor=actor(request), reason=reason, slot=slot)
    except (InvalidParams, WorkError) as error:
        form.add_error(None, str(error))
        return None
    report_start(request, started, created, slot)
    return redirect("admin:jobs_jobrun_change", started.pk)


def cancel_page(admin: "ModelAdmin[JobRun]", request: HttpRequest, run_id: int) -> HttpResponse:
    """Confirm and ask a run to stop."""
    run = get_run(run_id)
    job = require_run(request, run)
    if not run.is_active:
        messages.info(request, f"{run} has ended already; there is nothing to cancel.")
        return redirect("admin:jobs_jobrun_change", run.pk)
    data = request.POST if request.method == "POST" else None
    form = MarkedReasonForm(data, needs_reason=job.moves_money and not run.dry_run)
    if form.is_bound and form.is_valid():
        cancel_run(run, actor(request), form.cleaned_data["reason"])
        messages.success(request, f"{run} was asked to stop.")
        return redirect("admin:jobs_jobrun_change", run.pk)
    context = {
        "opts": JobRun._meta,
        "original": run,
        "run": run,
        "form": form,
        "params": describe_params(run),
        "action_name": "cancel",
        "action_text": "Cancel this run",
        "explanation": "Waiting items are cancelled now; those in hand end before their next step. "
        "What is done stays done.",
        "may_confirm": True,
    }
    return render(admin, request, "jobs/confirm.html", "Cancel", context)
