"""Starting, expanding, ending, cancelling and rerunning runs: nobody runs a job any other way."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from pydantic import ValidationError

from accounts.models import AuditEntry
from accounts.services.auditing import describe_action, record_action
from common.clock import now
from common.errors import OutcomeUnknown, Permanent, Retryable, WorkError
from jobs.models import JobItem, JobRun, Tick
from jobs.registry import Job, JobParams, get_job
from jobs.selectors import count_items
from jobs.services.announcing import announce_end
from jobs.services.monitoring.touching import touch_monitor
from jobs.services.placing import place_run

if TYPE_CHECKING:
    from accounts.models import User
    from jobs.engine.claims import Claimed

logger = logging.getLogger(__name__)
WORK_TASK = "jobs.work"
RING_TASK = "jobs.ring"
_KEYS_AT_ONCE = 20_000
_LONGEST_SCOPE = 100


class InvalidParams(ValueError):
    """Parameters that a job does not take; `errors` names each field and what is wrong with it."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors


def read_params(job: type[Job], values: dict[str, Any]) -> JobParams:
    """Check what somebody asked of a job; InvalidParams otherwise."""
    try:
        return job.Params.model_validate(values)
    except ValidationError as error:
        found = {}
        for part in error.errors(include_url=False):
            text = str(part.get("ctx", {}).get("error", "")) or part["msg"]
            found[str(part["loc"][0]) if part["loc"] else "params"] = text
        raise InvalidParams(found) from None


def start(
    job: type[Job],
    params: JobParams,
    trigger: str,
    *,
    actor: "User | None" = None,
    reason: str = "",
    slot: str | None = None,
    parent: JobRun | None = None,
    mode: str = JobRun.Mode.NORMAL,
    announce: Callable[[JobRun], None] | None = None,
) -> tuple[JobRun, bool]:
    """Write a run, and after the commit tell its monitor and ring; return the run and whether this call made it.

    Idempotent by (job, slot). Where the job forbids overlap, the run under way is returned instead. `announce` does
    what follows the commit in a way of its own. Raises InvalidParams where the job refuses the parameters.
    """
    _check(job, params, reason)
    values = params.model_dump(mode="json")
    run = JobRun(
        job=job.name,
        params=values,
        dry_run=bool(values.get("dry_run")),
        slot=slot,
        trigger=trigger,
        actor=actor,
        reason=reason,
        parent=parent,
        mode=mode,
    )
    run.overlap_key = None if run.dry_run else _overlap_key(job, params)
    # Where the run that is in the way ends meanwhile, its place is free at the next look.
    while not place_run(run, _tell_start(run)):
        if other := _other_run(run):
            return other, False
    logger.info("%s starts", run, extra={"run": run.pk, "job": run.job, "trigger": trigger})
    transaction.on_commit(lambda: (announce or _announce)(run))
    return run, True


def _announce(run: JobRun) -> None:
    # After the commit, so that many starts at once need not wait for one row; should this get lost, the run's own
    # beginning tells the monitor.
    _tell_monitor(run)
    ring(run)


def announce_together(runs: Sequence[JobRun]) -> None:
    """Tell the monitors of several runs that were started, and ring for them."""
    _ring_together(runs)
    for job in {run.job for run in runs if not run.dry_run}:
        touch_monitor(job)


def _tell_start(run: JobRun) -> AuditEntry | None:
    """Say who starts a run; a schedule or another job is nobody, and the run itself tells of them."""
    if run.trigger in {JobRun.Trigger.SCHEDULE, JobRun.Trigger.JOB}:
        return None
    verb = "rerun" if run.parent_id else "start"
    asked = {name: value for name, value in run.params.items() if value not in (None, False, [], "")}
    parent = {"rerun of": str(run.parent), "mode": run.get_mode_display()} if run.parent_id else {}
    return describe_action(verb, run, actor=run.actor, after={**asked, **parent}, reason=run.reason)


def _check(job: type[Job], params: JobParams, reason: str) -> None:
    errors = job(params).check()
    if job(params).needs_reason() and not reason.strip():
        errors["reason"] = "Say why: the reason is kept with the run."
    if errors:
        raise InvalidParams(errors)


def _overlap_key(job: type[Job], params: JobParams) -> str | None:
    """Name the place that only one active run can have; a long scope is known by its digest."""
    if job.overlap != "forbid":
        return None
    scope = job(params).overlap_scope()
    if len(scope) > _LONGEST_SCOPE:
        scope = hashlib.sha256(scope.encode()).hexdigest()
    return f"{job.name}:{scope}"


def _other_run(run: JobRun) -> JobRun | None:
    if run.slot is not None and (found := JobRun.objects.filter(job=run.job, slot=run.slot).first()):
        return found
    if run.overlap_key is None:
        return None
    return JobRun.objects.filter(overlap_key=run.overlap_key, status__in=JobRun.ACTIVE).first()


def ring(run: JobRun, times: int = 1, expires: float | None = None) -> None:
    """Tell the workers to look at a run; a broker that is down costs nothing but time, for a sweep follows.

    A bell that no worker heard within `expires` seconds is dropped.
    """
    job = get_job(run.job)
    try:
        for _ in range(times):
            current_app.send_task(WORK_TASK, args=[run.pk], queue=job.queue, ignore_result=True, expires=expires)
    except Exception as error:
        logger.warning("Could not ring for run %s (%s); the sweep will", run.pk, type(error).__name__)


def _ring_together(runs: Sequence[JobRun]) -> None:
    """Tell the workers to look at several runs, with one message a queue: who gets it rings for each.

    As with `ring`, what is lost is found by the sweep.
    """
    by_queue: dict[str, list[int]] = {}
    for run in runs:
        by_queue.setdefault(get_job(run.job).queue, []).append(run.pk)
    try:
        for queue, ids in by_queue.items():
            task, argument = (WORK_TASK, ids[0]) if len(ids) == 1 else (RING_TASK, ids)
            current_app.send_task(task, args=[argument], queue=queue, ignore_result=True)
    except Exception as error:
        logger.warning("Could not ring for %s runs (%s); the sweep will", len(runs), type(error).__name__)


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
        _tell_monitor(run)
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
    job = get_job(run.job)
    if run.parent is None or run.mode in {JobRun.Mode.NORMAL, JobRun.Mode.ALL}:
        return job(job.Params.model_validate(run.params)).keys()
    before = run.parent.items
    if run.mode == JobRun.Mode.FAILED:
        return before.filter(status=JobItem.Status.FAILED).values_list("key", flat=True)
    ended = Q(status__in=[JobItem.Status.DONE, JobItem.Status.SKIPPED, JobItem.Status.FAILED])
    if run.parent.mode in {JobRun.Mode.FAILED, JobRun.Mode.MISSING}:
        # It expected a part only: what lies beyond that part is not missing from it.
        return before.exclude(ended).values_list("key", flat=True)
    settled = set(before.filter(ended).values_list("key", flat=True))
    expected = job(job.Params.model_validate(run.params)).keys()
    return (key for key in expected if key not in settled)


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


def _tell_monitor(run: JobRun) -> None:
    if not run.dry_run:
        touch_monitor(run.job)


def _close(run: JobRun, status: str) -> None:
    run.status, run.finished_at = status, now()
    run.started_at = run.started_at or run.finished_at
    _tell_monitor(run)
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


def rerun(
    run: JobRun, mode: str, *, trigger: str, actor: "User | None", reason: str = "", slot: str | None = None
) -> tuple[JobRun, bool]:
    """Start a run's job again for all, for what failed or for what is missing, linked to its parent.

    Idempotent by (job, slot), where one is given.
    """
    job = get_job(run.job)
    if run.is_active:
        raise Permanent(f"{run} is still under way; wait for its end or cancel it first.")
    if job.moves_money and not reason.strip():
        raise Permanent("Say why this is run again: the reason is kept with the run.")
    params = read_params(job, run.params)
    return start(job, params, trigger, actor=actor, reason=reason.strip(), slot=slot, parent=run, mode=mode)


def note_tick(name: str) -> None:
    """Write down that something that must happen again and again happens now."""
    Tick.objects.bulk_create(
        [Tick(name=name, at=Now())], update_conflicts=True, unique_fields=["name"], update_fields=["at"]
    )
