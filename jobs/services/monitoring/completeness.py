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
    """Tell what the newest run that has ended left out; None where nothing is missing, or where none ended.

    Full runs count, and those of a schedule: one that covers a part takes up what the one before it left out. A rerun
    of what was missing adds to the run that left it out; a rerun of what failed changes nothing here, nor does a run
    that was cancelled before it began.
    """
    later = 0
    is_newest = True
    for run in newest:
        if run.finished_at is None or run.mode == JobRun.Mode.FAILED or _never_began(run):
            continue
        ended, origin = _add_up(run)
        whole = is_whole(origin)
        if origin.mode == JobRun.Mode.FAILED or not (whole or origin.trigger == JobRun.Trigger.SCHEDULE):
            continue
        floor = monitor.expected_floor or 0 if whole else 0
        missing = max(run.missing if is_newest else 0, floor - ended - later)
        if missing > 0:
            return Gap(run.pk, run.finished_at, missing, max(ended + run.missing, floor))
        if whole:
            return None
        later, is_newest = later + ended, False
    return None


def _never_began(run: JobRun) -> bool:
    """Return whether nobody learnt what a run expects: it was cancelled first, or, as a rerun, failed before that."""
    ends = {JobRun.Status.CANCELLED, JobRun.Status.FAILED} if run.mode else {JobRun.Status.CANCELLED}
    return run.expected == 0 and run.status in ends


def _add_up(run: JobRun) -> tuple[int, JobRun]:
    """Return how many items a run and those whose missing items it took up brought to an end, and the first of them."""
    ended, origin = run.ended, run
    while origin.mode == JobRun.Mode.MISSING and origin.parent is not None:
        origin = origin.parent
        ended += origin.ended
    return ended, origin


def is_whole(run: JobRun) -> bool:
    """Return whether everything was asked of a run; not where the code can't read any more what was asked."""
    job = run.declaration
    try:
        return job is not None and job(job.Params.model_validate(run.params)).is_whole()
    except ValueError:
        return False
