"""The run page, and the part of it that refreshes itself while the run is under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from accounts.admin.pages import coloured
from jobs.admin.paging import ItemPage, ItemQuery, find_page
from jobs.admin.permissions import may_run, require_view
from jobs.admin.words import (
    ITEM_TONES,
    RUN_TONES,
    STEP_TONES,
    describe_duration,
    describe_figures,
    describe_params,
    describe_summary,
)
from jobs.models import JobItem, JobMonitor, JobRun
from jobs.registry import Column, Job
from jobs.selectors import count_failed_left, count_failures_by_step

# Beyond this many failures the counts by step would cost more than they tell.
_COUNTED_FAILURES = 50_000
_RERUNS_SHOWN = 20


def render(
    admin: "ModelAdmin[JobRun]", request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> HttpResponse:
    """Render a page within the admin site."""
    request.current_app = admin.admin_site.name
    return TemplateResponse(request, template, {**admin.admin_site.each_context(request), "title": title, **context})


def get_run(object_id: str | int) -> JobRun:
    """Find a run by what stands in the address; Http404 otherwise."""
    text = str(object_id)
    known = JobRun.objects.select_related("actor", "cancelled_by", "parent")
    if text.isascii() and text.isdigit() and len(text) <= 18 and (run := known.filter(pk=int(text)).first()):
        return run
    raise Http404(f"There is no run {text}.")


def run_page(admin: "ModelAdmin[JobRun]", request: HttpRequest, object_id: str) -> HttpResponse:
    """Show a run: how far it is, what became of its items, and what can be done about it."""
    require_view(request)
    run = get_run(object_id)
    query, failures = ItemQuery.read(request.GET), _failures(run)
    context = {
        **describe_state(run),
        "opts": JobRun._meta,
        "original": run,
        "is_fullwidth": "1",
        "buttons": list_buttons(request, run),
        "summary": describe_summary(run),
        "job_title": run.declaration.title if run.declaration else f"{run.job} (no longer declared)",
        "monitor": JobMonitor.objects.filter(job=run.job).first(),
        "reruns": list(run.reruns.order_by("-id")[:_RERUNS_SHOWN]),
        "failures": failures,
        "left": count_failed_left(run),
        "steps": _step_names(run, [*failures, query.step]),
        "item_statuses": JobItem.Status.choices,
        **describe_items(run, find_page(run, query)),
    }
    return render(admin, request, "jobs/run.html", str(run), context)


def progress(admin: "ModelAdmin[JobRun]", request: HttpRequest, run_id: int) -> HttpResponse:
    """Show how far a run is; once it has ended, let the browser load the whole page again."""
    require_view(request)
    run = get_run(run_id)
    response = TemplateResponse(request, "jobs/run_state.html", describe_state(run))
    if not run.is_active:
        response["HX-Refresh"] = "true"
    return response


def describe_state(run: JobRun) -> dict[str, Any]:
    """Gather what the refreshing part shows."""
    return {
        "run": run,
        "tone": RUN_TONES.get(run.status, ""),
        "params": describe_params(run),
        "took": describe_duration(run.duration),
    }


@dataclass(frozen=True)
class Button:
    """Something that can be done about a run."""

    text: str
    address: str
    variant: str = "default"


def list_buttons(request: HttpRequest, run: JobRun) -> list[Button]:
    """List what this member of staff may do about a run in its present state."""
    job = run.declaration
    if job is None or not may_run(request, job):
        return []
    if run.is_active:
        cancel = Button("Cancel", reverse("admin:jobs_jobrun_cancel", args=[run.pk]), "danger")
        return [] if run.cancel_requested_at else [cancel]
    if run.dry_run:
        return [Button("Start for real…", _real_start(run), "primary")]
    found = [("Rerun all", "all")]
    if run.expected:
        found = [("Rerun missing", "missing"), *found]
    if left := count_failed_left(run):
        text = "Rerun failed" if left == run.failed else f"Rerun failed: {left:,} left"
        found = [(text, "failed"), *found]
    return [
        Button(
            text, reverse("admin:jobs_jobrun_rerun", args=[run.pk, mode]), "primary" if mode == "failed" else "default"
        )
        for text, mode in found
    ]


def _real_start(run: JobRun) -> str:
    """Lead from a preview to the page on which what it previewed is confirmed."""
    if run.parent_id and run.mode:
        address = reverse("admin:jobs_jobrun_rerun", args=[run.parent_id, run.mode])
    else:
        address = reverse("admin:jobs_jobrun_start_job", args=[run.job])
    return f"{address}?preview={run.pk}"


def _step_names(run: JobRun, others: Sequence[str]) -> list[str]:
    """List the steps of a run's job, and others that items stood at under other settings."""
    job = run.declaration
    try:
        declared = [step.name for step in job(job.Params.model_validate(run.params)).steps()] if job else []
    except ValueError:
        declared = []
    return list(dict.fromkeys(filter(None, [*declared, *others])))


def _failures(run: JobRun) -> dict[str, int]:
    return count_failures_by_step(run.pk) if 0 < run.failed <= _COUNTED_FAILURES else {}


@dataclass(frozen=True)
class Row:
    """An item as the table shows it."""

    item: JobItem
    name: str
    state: SafeString
    link: tuple[str, str] | None
    cells: list[tuple[Column, str]]
    note: str
    history: list[dict[str, Any]]
    figures: list[tuple[str, str]]


def describe_items(run: JobRun, page: ItemPage) -> dict[str, Any]:
    """Gather what the table of items shows."""
    job = run.declaration
    columns = [column for column in job.columns if _has_any(column, page)] if job else []
    names = job.names([item.key for item in page.items]) if job else {}
    rows = [_describe_item(run, job, item, columns, names.get(item.key, "")) for item in page.items]
    return {"page": page, "rows": rows, "columns": columns}


def _has_any(column: Column, page: ItemPage) -> bool:
    return any(column.show(item.result) for item in page.items)


def _describe_item(run: JobRun, job: type[Job] | None, item: JobItem, columns: Sequence[Column], name: str) -> Row:
    return Row(
        item,
        name,
        coloured(item.get_status_display(), ITEM_TONES.get(item.status, "")),
        link_of(run, job, item),
        [(column, column.show(item.result)) for column in columns],
        str(item.result.get("note") or ""),
        [_describe_step(step) for step in item.history],
        [(name, ", ".join(values)) for name, values in describe_figures(item.result) if name != "Note"],
    )


def _describe_step(step: dict[str, Any]) -> dict[str, Any]:
    status = str(step.get("status", ""))
    return {**step, "state": coloured(status or "begun", STEP_TONES.get(status, ""))}


def link_of(run: JobRun, job: type[Job] | None, item: JobItem) -> tuple[str, str] | None:
    """Return label and address of what an item worked on; what a dry run made is gone and can't be led to."""
    link = job.link(item.key, {} if run.dry_run else item.result) if job else None
    if link is None:
        return None
    name, _, key = link[1].partition(":")
    try:
        return link[0], reverse(f"admin:{name}_change", args=[key])
    except NoReverseMatch:
        return None
