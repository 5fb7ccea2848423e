"""Runs and items: what is active, what waits, what ran last."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.models import Count, F, Min, QuerySet
from django.db.models.functions import Now

from jobs.models import JobItem, JobRun, Tick
from jobs.registry import Job, list_jobs


def list_runs_to_ring() -> QuerySet[JobRun]:
    """List the active runs, oldest first: any of them may wait for a worker."""
    return JobRun.objects.filter(status__in=JobRun.ACTIVE).order_by("id")


def list_recent_runs(job: type[Job], limit: int = 20) -> list[JobRun]:
    """List a job's last runs, the newest first."""
    return list(JobRun.objects.filter(job=job.name).order_by("-id")[:limit])


def get_next_due(run_id: int) -> dt.datetime | None:
    """Return when the first waiting or leased item of a run falls due; None where none is dated."""
    found = JobItem.objects.filter(run=run_id, status=JobItem.Status.PENDING).aggregate(at=Min("not_before"))
    due: dt.datetime | None = found["at"]
    return due


def count_items(run_id: int) -> dict[str, int]:
    """Count a run's items by status, exactly."""
    rows = JobItem.objects.filter(run=run_id).order_by().values_list("status").annotate(Count("id"))
    return dict(rows)


def count_failures_by_step(run_id: int) -> dict[str, int]:
    """Count a run's failed items by the step at which each failed."""
    failed = JobItem.objects.filter(run=run_id, status=JobItem.Status.FAILED).order_by()
    return dict(failed.values_list("step").annotate(Count("id")).order_by("step"))


def is_holding(item_id: int, token: int, *, lock: bool = False) -> bool:
    """Return whether an item is in the hands of the worker that holds this token, its lease not yet over.

    With `lock`, it stays so until the caller's transaction ends.
    """
    live = JobItem.objects.filter(pk=item_id, token=token, status=JobItem.Status.RUNNING)
    if lock:
        live = live.select_for_update(no_key=True, of=("self",))
    return live.filter(lease_expires_at__gt=Now()).values_list("pk").first() is not None


def list_lineage(run: JobRun) -> list[int]:
    """List the ids of a run and of those it reruns, the newest first."""
    ids = [run.pk]
    while run.parent is not None:
        run = run.parent
        ids.append(run.pk)
    return ids


@dataclass(frozen=True, slots=True)
class Waiting:
    """An active run with work that nobody has taken yet; `attended` where somebody works on other items of it."""

    run_id: int
    job: str
    seconds: float
    attended: bool


# Looked at: so many active runs, the oldest first, and of each so many waiting items, those that are taken first.
_WAITING = """
    SELECT run.id, run.job, extract(epoch FROM clock_timestamp() - since), attended FROM (
        SELECT id, job, status, created_at, started_at FROM jobs_jobrun
        WHERE status IN ('queued', 'running') ORDER BY id LIMIT 500
    ) run
    CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT 1 FROM jobs_jobitem
        WHERE run_id = run.id AND status = 'running' AND lease_expires_at >= clock_timestamp()
    ) AS attended) hands
    CROSS JOIN LATERAL (SELECT CASE WHEN run.status = 'queued' THEN run.created_at ELSE least(
        (SELECT min(coalesce(not_before, run.started_at)) FROM (
            SELECT not_before FROM jobs_jobitem WHERE run_id = run.id AND status = 'pending' ORDER BY id LIMIT 1000
        ) first WHERE not_before IS NULL OR not_before <= clock_timestamp()),
        (SELECT min(lease_expires_at) FROM jobs_jobitem
            WHERE run_id = run.id AND status = 'running' AND lease_expires_at < clock_timestamp())
    ) END AS since) work
    WHERE since IS NOT NULL ORDER BY since
"""


def list_waiting() -> list[Waiting]:
    """List the active runs with work that could be done right now, the one that waits longest first."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return [Waiting(run_id, job, float(seconds), attended) for run_id, job, seconds, attended in cursor.fetchall()]


def get_tick_age(name: str) -> float | None:
    """Return how many seconds ago something was last seen to happen; None where it never was."""
    row = Tick.objects.filter(pk=name).annotate(age=Now() - F("at")).first()
    return row.age.total_seconds() if row else None


# Goes from one name to the next in the index, instead of through all runs.
_NAMES = """
    WITH RECURSIVE known AS (
        (SELECT job FROM jobs_jobrun ORDER BY job LIMIT 1)
        UNION ALL
        SELECT (SELECT job FROM jobs_jobrun WHERE job > known.job ORDER BY job LIMIT 1) FROM known
        WHERE known.job IS NOT NULL
    ) SELECT job FROM known WHERE job IS NOT NULL
"""


def list_known_jobs() -> list[str]:
    """List the names of all jobs that are declared or ever ran."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES)
        return sorted({name for (name,) in cursor.fetchall()} | {job.name for job in list_jobs()})


_LAST_RUNS = """
    SELECT run.* FROM unnest(%s::text[]) AS wanted(job)
    CROSS JOIN LATERAL (
        SELECT * FROM jobs_jobrun WHERE job = wanted.job AND dry_run = %s ORDER BY id DESC LIMIT %s
    ) run
"""


def list_last_runs(jobs: Iterable[str], limit: int = 20) -> dict[str, list[JobRun]]:
    """List each job's last runs, the newest first; dry runs only of a job that has no others."""
    wanted = list(jobs)
    found = _group(JobRun.objects.raw(_LAST_RUNS, [wanted, False, limit]))
    without = [job for job in wanted if job not in found]
    return found | _group(JobRun.objects.raw(_LAST_RUNS, [without, True, limit])) if without else found


def _group(runs: Iterable[JobRun]) -> dict[str, list[JobRun]]:
    grouped: dict[str, list[JobRun]] = {}
    for run in runs:
        grouped.setdefault(run.job, []).append(run)
    return grouped


_BY_HOUR = """
    SELECT run.* FROM generate_series(0, 23) AS hours(number)
    CROSS JOIN LATERAL (
        SELECT * FROM jobs_jobrun WHERE NOT dry_run AND created_at >= %s::timestamptz + hours.number * interval '1 hour'
        AND created_at < %s::timestamptz + (hours.number + 1) * interval '1 hour' ORDER BY created_at DESC LIMIT %s
    ) run ORDER BY run.created_at
"""


def list_runs_of_day(midnight: dt.datetime, per_hour: int) -> dict[int, list[JobRun]]:
    """List the runs of the day after an instant by the hour in which they started, up to so many an hour, the newest.

    Dry runs are left out.
    """
    hours: dict[int, list[JobRun]] = {}
    for run in JobRun.objects.raw(_BY_HOUR, [midnight, midnight, per_hour]):
        hours.setdefault(int((run.created_at - midnight).total_seconds() // 3600), []).append(run)
    return hours
