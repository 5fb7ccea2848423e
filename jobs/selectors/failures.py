"""What failed of a run and is left: decided by its items, and never by whether there is a rerun."""

import datetime as dt
from collections.abc import Iterable

from django.db import connection
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from common.clock import now
from jobs.models import JobItem, JobRun
from jobs.registry import Job

# The later runs of a run's family: of the first run, of its reruns and of theirs; of the same job, and for real.
_LATER = """
    WITH RECURSIVE elder(id, parent_id) AS (
        SELECT own.id, own.parent_id FROM jobs_jobrun own WHERE own.id = {run}.id
        UNION SELECT run.id, run.parent_id FROM jobs_jobrun run JOIN elder ON run.id = elder.parent_id
    ), family(id) AS (
        SELECT id FROM elder WHERE parent_id IS NULL
        UNION SELECT run.id FROM jobs_jobrun run JOIN family ON run.parent_id = family.id
    ), later AS MATERIALIZED (
        SELECT run.id, run.status, run.mode FROM jobs_jobrun run JOIN family USING (id)
        WHERE run.id > {run}.id AND run.job = {run}.job AND NOT run.dry_run
    )
"""
_LATER_OF_ONE = """
    SELECT later.id FROM jobs_jobrun mine CROSS JOIN LATERAL ({later} SELECT id FROM later) later WHERE mine.id = %s
"""
# What ended again, well or not, is a matter of the later run. Where there is none, nothing else needs to be read.
_IS_LEFT = """
    EXISTS ({later}
        SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM later)
        UNION ALL
        SELECT 1 FROM jobs_jobitem item WHERE item.run_id = jobs_jobrun.id AND {unended}
        AND NOT EXISTS (
            SELECT 1 FROM later JOIN jobs_jobitem again ON again.run_id = later.id
            WHERE again.key = item.key AND again.status IN ('done', 'skipped', 'failed')
        )
        {or_else}
    )
"""
_FAILED_ITEM = "item.status = 'failed'"
# A run that was stopped has failed with all that it did not end; one that could not begin, as a whole.
_UNENDED_ITEM = f"({_FAILED_ITEM} OR jobs_jobrun.status = 'failed' AND item.status NOT IN ('done', 'skipped'))"
_NEVER_BEGUN = """
    UNION ALL
    SELECT 1 WHERE jobs_jobrun.status = 'failed' AND jobs_jobrun.expected = 0 AND NOT EXISTS (
        SELECT 1 FROM later WHERE status NOT IN ('queued', 'running', 'cancelled')
        AND (mode <> 'failed' OR jobs_jobrun.mode = 'failed')
    )
"""


def _is_left(unended: str, or_else: str = "") -> RawSQL:
    """Say, as a condition on a query of runs, that something of a run is left that no later one of its family ended."""
    later = _LATER.format(run="jobs_jobrun")
    # Nothing but the constants above is in it.
    return RawSQL(_IS_LEFT.format(later=later, unended=unended, or_else=or_else), [], BooleanField())  # noqa: S611


_FAILED_LEFT = _is_left(_FAILED_ITEM)
_ANYTHING_LEFT = _is_left(_UNENDED_ITEM, _NEVER_BEGUN)
_FAILED = Q(status__in=[JobRun.Status.PARTIAL, JobRun.Status.FAILED]) | Q(status=JobRun.Status.CANCELLED, failed__gt=0)


def list_troubled_runs(days: int = 30) -> QuerySet[JobRun]:
    """List the last days' runs of which something failed and is left, the newest first.

    A rerun takes over what it ended; what it did not get to stays with the run before it.
    """
    recent = JobRun.objects.filter(dry_run=False, created_at__gte=now() - dt.timedelta(days=days))
    return recent.filter(_FAILED, _ANYTHING_LEFT).order_by("-id")


def list_left(run_ids: Iterable[int]) -> set[int]:
    """List those of some runs of which something failed and is left."""
    return set(JobRun.objects.filter(_FAILED, _ANYTHING_LEFT, pk__in=run_ids).values_list("pk", flat=True))


def list_failed_runs(job: type[Job], **asked: str) -> list[JobRun]:
    """List a job's runs with these parameters of which failed items are left, in order.

    Its last run where none are; empty where there is no run. Dry runs do not count.
    """
    wanted = {f"params__{name}": value for name, value in asked.items()}
    runs = JobRun.objects.filter(job=job.name, dry_run=False, **wanted).order_by("id")
    return list(runs.filter(_FAILED_LEFT, failed__gt=0)) or list(runs.reverse()[:1])


def list_failed_items(run: JobRun) -> QuerySet[JobItem]:
    """List a run's failed items."""
    return run.items.filter(status=JobItem.Status.FAILED).order_by("step", "id")


def _list_later(run: JobRun) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_LATER_OF_ONE.format(later=_LATER.format(run="mine")), [run.pk])
        return [row[0] for row in cursor.fetchall()]


def count_failed_left(run: JobRun) -> int:
    """Count what `list_failed_left` lists; the items are looked at only where there are reruns."""
    if not run.failed or not _list_later(run):
        return run.failed
    return list_failed_left(run).count()


def list_failed_left(run: JobRun) -> QuerySet[JobItem]:
    """List a run's failed items that no later run of its family has brought to a good end."""
    failed, later = list_failed_items(run), _list_later(run)
    if not later:
        return failed
    good = [JobItem.Status.DONE, JobItem.Status.SKIPPED]
    return failed.exclude(Exists(JobItem.objects.filter(run__in=later, key=OuterRef("key"), status__in=good)))
