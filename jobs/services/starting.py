"""Starting and rerunning runs, and ringing for them: nobody runs a job any other way."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from celery import current_app
from django.db import transaction
from pydantic import ValidationError

from accounts.models import AuditEntry
from accounts.services.auditing import describe_action
from common.errors import Permanent
from common.wording import explain_fault
from jobs.models import AnsweredSlot, JobRun
from jobs.registry import Job, JobParams, get_job
from jobs.services.monitoring.touching import tell_monitor, touch_monitor
from jobs.services.placing import place_run

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)
WORK_TASK = "jobs.work"
RING_TASK = "jobs.ring"
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
            found[str(part["loc"][0]) if part["loc"] else "params"] = explain_fault(part)
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
    keeps_answer: bool = False,
    announce: Callable[[JobRun], None] | None = None,
) -> tuple[JobRun, bool]:
    """Write a run, and after the commit tell its monitor and ring; return the run and whether this call made it.

    Idempotent by (job, slot). Where the job forbids overlap, the run under way is returned instead; with
    `keeps_answer` the same slot gives that run ever after. `announce` does what follows the commit in a way of its
    own. Raises InvalidParams where the job refuses the parameters.
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
            if keeps_answer and slot is not None and other.slot != slot:
                AnsweredSlot.objects.bulk_create(
                    [AnsweredSlot(job=job.name, slot=slot, run=other)], ignore_conflicts=True
                )
            return other, False
    logger.info("%s starts", run, extra={"run": run.pk, "job": run.job, "trigger": trigger})
    transaction.on_commit(lambda: (announce or _announce)(run))
    return run, True


def _announce(run: JobRun) -> None:
    # After the commit, so that many starts at once need not wait for one row; should this get lost, the run's own
    # beginning tells the monitor.
    tell_monitor(run)
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
    if run.dry_run:
        verb = "preview-rerun" if run.parent_id else "preview"
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
    answers = AnsweredSlot.objects.select_related("run")
    if run.slot is not None and (found := JobRun.objects.filter(job=run.job, slot=run.slot).first()):
        return found
    if run.slot is not None and (answer := answers.filter(job=run.job, slot=run.slot).first()):
        return answer.run
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
