"""Previews: dry runs shown before the run that they preview."""

from typing import Any

from django.http import Http404

from jobs.admin.pages import describe_items, describe_state, get_run
from jobs.admin.paging import ItemQuery, find_page
from jobs.admin.words import describe_summary
from jobs.forms import DRY_RUN
from jobs.models import JobRun
from jobs.registry import Job, JobParams

_ROWS_SHOWN = 10


def find_preview(text: str, job: type[Job]) -> JobRun | None:
    """Find the dry run of a job that an address names; None where it names none."""
    try:
        run = get_run(text)
    except Http404:
        return None
    return run if run.job == job.name and run.dry_run else None


def is_previewed(preview: JobRun | None, params: JobParams, slot: str) -> bool:
    """Return whether a preview shows what these parameters would do, and nothing did it since but this very start."""
    if preview is None or preview.is_active or preview.status == JobRun.Status.CANCELLED:
        return False
    wished = {**params.model_dump(mode="json"), DRY_RUN: True}
    real = JobRun.objects.filter(job=preview.job, pk__gt=preview.pk, params={**wished, DRY_RUN: False})
    return preview.params == wished and not real.exclude(slot=slot).exists()


def find_preview_of_rerun(parent: JobRun, mode: str) -> JobRun | None:
    """Find the newest preview of a rerun, unless something was run for real since."""
    again = parent.reruns.order_by("-id")
    real = again.filter(dry_run=False).first()
    previews = again.filter(dry_run=True, mode=mode).exclude(status=JobRun.Status.CANCELLED)
    return previews.filter(pk__gt=real.pk if real else 0).first()


def describe_preview(preview: JobRun | None) -> dict[str, Any]:
    """Gather what a page shows of a preview; nothing where there is none."""
    if preview is None:
        return {"preview": None}
    page = find_page(preview, ItemQuery(), _ROWS_SHOWN)
    return {
        "preview": preview,
        "preview_state": describe_state(preview),
        "preview_summary": describe_summary(preview),
        **describe_items(preview, page),
    }
