"""Runs of the job that lists the bucket."""

from typing import Any

from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start


def repair() -> dict[str, Any]:
    """Run `ingest-results` here until it has ended; return its figures."""
    job = get_job("ingest-results")
    run, _ = start(job, read_params(job, {}), JobRun.Trigger.COMMAND)
    assert work(run.pk, wait=True)
    run.refresh_from_db()
    assert run.status == JobRun.Status.SUCCEEDED, (run.error, list(run.items.values_list("error", flat=True)))
    summary: dict[str, Any] = run.summary
    return summary
