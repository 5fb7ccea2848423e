"""Processing events again by hand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

if TYPE_CHECKING:
    from accounts.models import User


def process_again(events: Sequence[int], *, actor: "User | None", reason: str) -> JobRun:
    """Start the run that processes events again, whatever became of them; it keeps who asked and why."""
    job = get_job("process-stripe-events")
    params = read_params(job, {"events": list(events)})
    run, _ = start(job, params, JobRun.Trigger.ADMIN, actor=actor, reason=reason)
    return run
