"""Telling those who asked for it that a run has ended."""

from contextlib import suppress
from typing import Any

from django.urls import reverse

from alerts.registry import Severity, declare_event
from alerts.services import publish_event
from common.clock import Month, iso
from jobs.models import JobRun

JOB_COMPLETED = declare_event(
    "job-completed",
    title="A job's run has ended",
    outcomes=[(status.value, status.label) for status in JobRun.Status if status not in JobRun.ACTIVE],
)
_SEVERITIES: dict[str, Severity] = {JobRun.Status.FAILED: "error", JobRun.Status.PARTIAL: "warning"}


def announce_end(run: JobRun) -> None:
    """Write what is sent about the end of a run, once, in the transaction that ends it; of a dry run, nothing."""
    if run.dry_run:
        return
    publish_event(
        JOB_COMPLETED.name,
        run.job,
        f"{_name(run)}: {run.get_status_display().lower()}",
        _describe(run),
        reverse("admin:jobs_jobrun_change", args=[run.pk]),
        _write_payload(run),
        outcome=run.status,
        severity=_SEVERITIES.get(run.status, "info"),
        key=str(run.pk),
    )


def _name(run: JobRun) -> str:
    """Name a run by its job, and by the month where it is about one."""
    title, month = run.declaration.title if run.declaration else run.job, run.params.get("month")
    if not isinstance(month, str):
        return title
    with suppress(ValueError):
        month = Month.parse(month).label
    return f"{title} for {month}"


def _describe(run: JobRun) -> str:
    figures = f"{run.expected:,} expected, {run.done:,} done, {run.skipped:,} skipped, {run.failed:,} failed."
    return f"{run.error}\n{figures}".strip()


def _write_payload(run: JobRun) -> dict[str, Any]:
    return {
        "runId": run.pk,
        "job": run.job,
        "status": run.status,
        "success": run.status in {JobRun.Status.SUCCEEDED, JobRun.Status.NOTHING_TO_DO},
        "trigger": run.trigger,
        "params": run.params,
        "expected": run.expected,
        "done": run.done,
        "skipped": run.skipped,
        "failed": run.failed,
        "error": run.error,
        "summary": run.summary,
        "createdAt": iso(run.created_at),
        "startedAt": iso(run.started_at) if run.started_at else None,
        "finishedAt": iso(run.finished_at) if run.finished_at else None,
    }
