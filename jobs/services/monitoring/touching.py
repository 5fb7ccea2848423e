"""Telling a monitor that something happened to its job."""

from django.db import connection

from common.clock import now
from jobs.models import JobRun

_TOUCH = """
    UPDATE jobs_jobmonitor SET check_at = %(moment)s
    WHERE job = %(job)s AND (check_at IS NULL OR check_at > %(moment)s)
"""


def touch_monitor(job: str) -> None:
    """Let the next tick look at a job's monitor; costs a look at an index where that is to happen anyway."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, {"moment": now(), "job": job})


def tell_monitor(run: JobRun) -> None:
    """Tell the monitor of a run's job that the run was started, has begun or has ended; dry runs are no news."""
    if not run.dry_run:
        touch_monitor(run.job)
