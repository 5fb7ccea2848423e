"""What the last full run, and the reruns of what it left out, did not bring to an end."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.models import JobMonitor, JobRun


@dataclass(frozen=True)
class Gap:
    """Items that were expected and never came to an end."""

    run_id: int
    since: dt.datetime
    missing: int
    of: int

    @property
    def detail(self) -> str:
        """The gap in words."""
        return f"{self.missing:,} of {self.of:,} missing."


def find_gap(monitor: JobMonitor, newest: Sequence[JobRun]) -> Gap | None:
    """Tell what the newest full run that has ended left out; None where nothing is missing, or where none ended.

    A rerun of what was missing adds to the run that left it out; a rerun of what failed changes nothing here.
    """
    for run in newest:
        if run.finished_at is None or run.mode == JobRun.Mode.FAILED:
            continue
        ended, origin = run.ended, run
        while origin.mode == JobRun.Mode.MISSING and origin.parent is not None:
            origin = origin.parent
            ended += origin.ended
        if is_whole(origin) and origin.mode != JobRun.Mode.FAILED:
            floor = monitor.expected_floor or 0
            missing = max(run.missing, floor - ended)
            return Gap(run.pk, run.finished_at, missing, max(ended + run.missing, floor)) if missing > 0 else None
    return None


def is_whole(run: JobRun) -> bool:
    """Tell whether everything was asked of a run; not where the code can't read any more what was asked."""
    job = run.declaration
    try:
        return job is not None and job(job.Params.model_validate(run.params)).is_whole()
    except ValueError:
        return False
