"""Expanding, ending and cancelling runs."""

import logging
from collections.abc import Iterable, Sequence
from itertools import batched, chain
from typing import TYPE_CHECKING

from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.services.auditing import record_action
from common.clock import now
from common.errors import OutcomeUnknown, Permanent, Retryable, WorkError
from jobs.models import JobItem, JobRun, Tick
from jobs.registry import Job, get_job
from jobs.selectors import count_items, list_failed_left
from jobs.services.announcing import announce_end
from jobs.services.monitoring.touching import tell_monitor

if TYPE_CHECKING:
    from accounts.models import User
    from jobs.engine.claims import Claimed

logger = logging.getLogger(__name__)
_KEYS_AT_ONCE = 20_000


def expand_run(run_id: int) -> JobRun:
    """Write the items that a run expects, once, in one transaction; return the run.

    What is wrong with the job before its first item ends the run as failed, unless it may heal by itself: then the
    error is raised and the run waits for the next sweep.
    """
    with transaction.atomic():
        run = JobRun.objects.select_for_update().get(pk=run_id)
        if run.status != JobRun.Status.QUEUED:
            return run
        run.started_at = now()
        run.status = JobRun.Status.RUNNING
        try:
            with transaction.atomic():
                run.expected = _insert_items(run, _keys(run))
        except (OperationalError, Retryable, OutcomeUnknown):
            raise
        except Exception as error:
            run.error = _explain(run, error)
        run.save(update_fields=["started_at", "status", "expected", "error"])
        tell_monitor(run)
    if run.error:
        stop_run(run.pk, run.error)
        run.refresh_from_db()
    return run


def _explain(run: JobRun, error: Exception) -> str:
    if isinstance(error, WorkError):
        return error.message
    logger.error("%s could not say what it expects", run, exc_info=error)
    return Permanent(f"Unforeseen {type(error).__name__}: {error}").message


def _keys(run: JobRun) -> Iterable[str]:
    if run.parent is not None and run.mode == JobRun.Mode.FAILED:
        return list_failed_left(run.parent).values_list("key", flat=True)
    if run.parent is not None and run.mode == JobRun.Mode.MISSING:
        return _missing(run.parent)
    return _job(run).keys()


def _job(run: JobRun) -> Job:
    declared = get_job(run.job)
    return declared(declared.Params.model_validate(run.params))


def _missing(run: JobRun) -> Iterable[str]:
    """List what a run expected and did not bring to an end; what came after it began is not missing from it."""
    ended = Q(status__in=[JobItem.Status.DONE, JobItem.Status.SKIPPED, JobItem.Status.FAILED])
    left = run.items.exclude(ended).values_list("key", flat=True)
    if run.mode in {JobRun.Mode.FAILED, JobRun.Mode.MISSING}:
        # It expected a part only: what lies beyond that part is not missing from it.
        return left if run.expected or run.status == JobRun.Status.NOTHING_TO_DO else _keys(run)
    settled = set(run.items.filter(ended).values_list("key", flat=True))
    expected = _job(run).keys_at(run.started_at or run.created_at)
    return chain(left, (key for key in expected if key not in settled))


def _insert_items(run: JobRun, keys: Iterable[str]) -> int:
    count = 0
    with connection.cursor() as cursor:
        for chunk in batched(keys, _KEYS_AT_ONCE):
            cursor.execute(
                """
                INSERT INTO jobs_jobitem
                    (run_id, key, status, step, steps, result, error_kind, error, attempts, crashes, token, worker)
                SELECT %s, key, 'pending', '', '{}', '{}', '', '', 0, 0, 0, ''
                FROM unnest(%s::text[]) WITH ORDINALITY AS expected(key, place) ORDER BY place
                ON CONFLICT (run_id, key) DO NOTHING
                """,
                [run.pk, list(chunk)],
            )
            count += cursor.rowcount
    return count


def stop_run(run_id: int, error: str) -> None:
    """End a run because something concerns all of it; items not yet worked on stay missing."""
    with transaction.atomic():
        run = JobRun.objects.select_for_update().get(pk=run_id)
        if run.is_active:
            run.error = error
            _close(run, JobRun.Status.FAILED)


def release_items(run_id: int, items: "Sequence[Claimed]") -> None:
    """Give items back that are still ours but were not brought to an end."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE jobs_jobitem item SET status = 'pending', lease_expires_at = NULL
            FROM unnest(%s::bigint[], %s::int[]) AS mine(id, token)
            WHERE item.run_id = %s AND item.id = mine.id AND item.token = mine.token AND item.status = 'running'
            """,
            [[item.id for item in items], [item.token for item in items], run_id],
        )


def put_back_left_items() -> int:
    """Let items that dead workers left in runs that have ended meanwhile wait again: a rerun finds them missing."""
    left = JobItem.objects.filter(status=JobItem.Status.RUNNING, lease_expires_at__lt=Now())
    return left.exclude(run__status__in=JobRun.ACTIVE).update(status=JobItem.Status.PENDING, lease_expires_at=None)


def finish_run(run_id: int) -> bool:
    """End a run whose items have all ended; return whether it has ended. Any number of workers may call it."""
    with transaction.atomic():
        run = JobRun.objects.select_for_update().get(pk=run_id)
        if not run.is_active:
            return True
        if run.status == JobRun.Status.QUEUED and not run.cancel_requested_at:
            return False
        if run.cancel_requested_at:
            _cancel_items(run)
        counts = count_items(run_id)
        if counts.get("pending") or counts.get("running"):
            return False
        run.done, run.skipped, run.failed = (counts.get(status, 0) for status in ("done", "skipped", "failed"))
        _close(run, _final_status(run))
        return True


def _cancel_items(run: JobRun) -> None:
    """Cancel what nobody works on: what waits, and what dead workers left behind."""
    left = Q(status=JobItem.Status.PENDING) | Q(status=JobItem.Status.RUNNING, lease_expires_at__lt=Now())
    ids = run.items.select_for_update(skip_locked=True).filter(left).values_list("pk", flat=True)
    run.items.filter(pk__in=list(ids)).update(status=JobItem.Status.CANCELLED, lease_expires_at=None)


def _final_status(run: JobRun) -> str:
    if run.cancel_requested_at:
        return JobRun.Status.CANCELLED
    if run.expected == 0:
        return JobRun.Status.NOTHING_TO_DO
    if run.failed == 0:
        return JobRun.Status.SUCCEEDED
    return JobRun.Status.FAILED if run.failed == run.expected else JobRun.Status.PARTIAL


def _close(run: JobRun, status: str) -> None:
    run.status, run.finished_at = status, now()
    run.started_at = run.started_at or run.finished_at
    tell_monitor(run)
    job = run.declaration
    if job is None:
        # The code has moved on; the row must still be able to end.
        run.save()
        announce_end(run)
        return
    declared = job(job.Params.model_validate(run.params))
    run.summary = declared.summarize(run)
    run.save()
    announce_end(run)
    figures = {name: getattr(run, name) for name in ("expected", "done", "skipped", "failed")}
    logger.info("%s ended: %s", run, status, extra={"run": run.pk, "job": run.job, "status": status, **figures})
    declared.finish(run)


def cancel_run(run: JobRun, actor: "User | None", reason: str = "") -> None:
    """Ask a run to stop: waiting items are cancelled now, those in hand end before their next step."""
    waiting = JobRun.objects.filter(pk=run.pk, cancel_requested_at__isnull=True, status__in=JobRun.ACTIVE)
    error = f"Cancelled: {reason}" if reason else "Cancelled."
    with transaction.atomic():
        if waiting.update(cancel_requested_at=now(), cancelled_by=actor, error=error):
            record_action("cancel", run, actor=actor, before={"status": run.get_status_display()}, reason=reason)
    finish_run(run.pk)


def note_tick(name: str) -> None:
    """Write down that something that must happen again and again happens now."""
    Tick.objects.bulk_create(
        [Tick(name=name, at=Now())], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )
