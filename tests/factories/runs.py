"""Running jobs in a test as the command line does, in this process."""

from typing import Any

from common.clock import Month
from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start


def run(job: str, **params: Any) -> JobRun:
    """Start a job and work on it until it has ended."""
    declared = get_job(job)
    started, _ = start(declared, read_params(declared, params), JobRun.Trigger.COMMAND, reason="Test")
    work(started.pk, wait=True)
    started.refresh_from_db()
    return started


def bill(month: Month, **params: Any) -> JobRun:
    """Bill a month without delivering."""
    return run("monthly-billing", **{"month": month, "deliver": False, **params})
