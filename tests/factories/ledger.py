"""Runs and items as if they had been worked on."""

import datetime as dt
from typing import Any

from common.clock import now
from jobs.models import JobItem, JobRun

OCTOBER = {"month": "2026-10", "dry_run": False, "organizations": []}


def make_run(job: str = "monthly-billing", status: str = JobRun.Status.PARTIAL, **fields: Any) -> JobRun:
    """Make a run, ended unless told."""
    values: dict[str, Any] = {"params": OCTOBER if job == "monthly-billing" else {}, "trigger": "command", **fields}
    if status not in JobRun.ACTIVE:
        values = {"started_at": now() - dt.timedelta(minutes=2), "finished_at": now(), **values}
    return JobRun.objects.create(job=job, status=status, **values)


def make_item(run: JobRun, key: str, status: str = JobItem.Status.DONE, **fields: Any) -> JobItem:
    """Make an item of a run."""
    return JobItem.objects.create(run=run, key=key, status=status, **fields)


def make_failed_run(failed: int = 2, done: int = 1, **fields: Any) -> JobRun:
    """Make a billing run of which some items failed at a step and others are done."""
    run = make_run(expected=failed + done, failed=failed, done=done, **fields)
    for number in range(done):
        make_item(run, f"org_done{number}", step="number")
    for number in range(failed):
        make_item(run, f"org_failed{number}", "failed", step="compute", error="The plan has no brackets.", attempts=1)
    return run
