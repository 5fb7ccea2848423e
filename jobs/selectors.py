"""Reads of the ledger."""

import datetime as dt

from django.db.models import Count, Exists, Min, OuterRef, QuerySet
from django.db.models.functions import Now

from common.clock import now
from jobs.models import JobItem, JobRun
from jobs.registry import Job


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


def is_holding(item_id: int, token: int) -> bool:
    """Tell whether an item is in the hands of the worker that holds this token, its lease not yet over."""
    live = JobItem.objects.filter(pk=item_id, token=token, status=JobItem.Status.RUNNING)
    return live.filter(lease_expires_at__gt=Now()).exists()


def list_lineage(run: JobRun) -> list[int]:
    """List the ids of a run and of those it reruns, the newest first."""
    ids = [run.pk]
    while run.parent is not None:
        run = run.parent
        ids.append(run.pk)
    return ids


def list_last_runs() -> list[JobRun]:
    """List the last run of each job, the newest first."""
    last = JobRun.objects.order_by("job", "-id").distinct("job").select_related("actor")
    return sorted(last, key=lambda run: run.pk, reverse=True)


def list_troubled_runs(days: int = 30) -> QuerySet[JobRun]:
    """List the last days' runs of which something failed and that nobody has run again yet, the newest first."""
    troubled = JobRun.objects.filter(status__in=[JobRun.Status.PARTIAL, JobRun.Status.FAILED], dry_run=False)
    again = JobRun.objects.filter(parent=OuterRef("pk"), dry_run=False)
    return troubled.filter(~Exists(again), created_at__gte=now() - dt.timedelta(days=days)).order_by("-id")


def get_last_failed(job: type[Job], **asked: str) -> JobRun | None:
    """Return a job's last run with these parameters of which something failed and that nobody has run again yet.

    Its last run where nothing did; None where there is none. Dry runs do not count.
    """
    wanted = {f"params__{name}": value for name, value in asked.items()}
    runs = JobRun.objects.filter(job=job.name, dry_run=False, **wanted).order_by("-id")
    again = JobRun.objects.filter(parent=OuterRef("pk"), dry_run=False)
    return runs.filter(~Exists(again), failed__gt=0).first() or runs.first()


def list_failed_items(run: JobRun) -> QuerySet[JobItem]:
    """List a run's failed items."""
    return run.items.filter(status=JobItem.Status.FAILED).order_by("step", "id")
