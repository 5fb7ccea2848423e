"""Schedules: keeping their standing, starting what is due, pausing and resuming.

Beat's messages and the periodic tick both end in `start_due`, which starts a slot only when it is due and was not
handled before. A row lock lets two of them take turns; the slot, unique by job, makes even that a mere saving.
"""

import datetime as dt
import logging
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask

from accounts.services.auditing import record_action
from common.clock import iso
from jobs.models import JobRun, JobSchedule
from jobs.models.schedules import job_of
from jobs.models.timetables import describe_timetable, list_last_slots, next_slot
from jobs.registry import Job
from jobs.services.monitoring.touching import touch_monitor
from jobs.services.starting import InvalidParams, read_params, start

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)
# A worker whose clock is a little behind the scheduler's must not find the slot not yet due.
CLOCKS_DIFFER_BY = dt.timedelta(seconds=5)
# A slot that is started later than this was missed and is caught up.
ON_TIME = dt.timedelta(minutes=2)
# Where every missed slot is caught up: the newest of them, and so many at a tick.
MOST_CAUGHT_UP = 100
_AT_A_TICK = 10
_LONGEST_TEXT = 500


def slot_name(slot_at: dt.datetime) -> str:
    """Name the slot of a due time; whoever starts a job for it by this name gets the same run."""
    return f"schedule {iso(slot_at)}"


def follow_task(task: PeriodicTask, moment: dt.datetime) -> None:
    """Keep the standing of a row: where it is new, or rings at other times than before, it counts from now on.

    A new one of a job that is paused is paused with it.
    """
    timetable = describe_timetable(task) if task.enabled else ""
    known = JobSchedule.objects.filter(task=task).first()
    if known is None:
        first = next_slot(task, moment) if task.enabled else None
        made, is_new = JobSchedule.objects.get_or_create(
            task=task,
            defaults={"job": job_of(task), "timetable": timetable, "counts_from": moment, "due_at": first},
        )
        if is_new:
            _join_pause(made)
    elif known.timetable != timetable:
        with transaction.atomic():
            _count_anew(JobSchedule.objects.select_for_update().get(pk=known.pk), task, moment)


def _join_pause(fresh: JobSchedule) -> None:
    """Pause a new schedule like the others of its job, if they are."""
    with transaction.atomic():
        paused = next((other for other in _lock_all_of(fresh.job) if other != fresh and other.is_paused), None)
        if paused is not None:
            _pause(fresh, paused.paused_by, paused.paused_reason, paused.paused_until, paused.paused_at)


def _pause(
    schedule: JobSchedule, actor: "User | None", reason: str, until: dt.datetime | None, moment: dt.datetime | None
) -> None:
    schedule.paused_at, schedule.paused_until = moment, until
    schedule.paused_by, schedule.paused_reason = actor, reason
    schedule.due_at, schedule.timetable, schedule.problem = until, "", ""
    schedule.save()
    _switch(schedule.task, enabled=False)


def _count_anew(schedule: JobSchedule, task: PeriodicTask, moment: dt.datetime) -> None:
    schedule.timetable = describe_timetable(task) if task.enabled else ""
    schedule.counts_from, schedule.problem = moment, ""
    if task.enabled:
        _forget_pause(schedule)
    schedule.due_at = next_slot(task, moment) if task.enabled else schedule.paused_until
    schedule.save()
    touch_monitor(schedule.job)


def _forget_pause(schedule: JobSchedule) -> None:
    schedule.paused_at = schedule.paused_until = schedule.paused_by = None
    schedule.paused_reason = ""


def pause_schedule(
    schedule: JobSchedule, *, actor: "User | None", reason: str, until: dt.datetime | None, moment: dt.datetime
) -> None:
    """Let a schedule rest, until an instant or until somebody resumes it; what falls due meanwhile is not caught up.

    All schedules of its job rest with it: a job of which a part goes on is not paused.
    """
    with transaction.atomic():
        for locked in _lock_all_of(schedule.job):
            _pause(locked, actor, reason.strip(), until, moment)
            after = {"paused_until": until}
            record_action("pause", locked.task, actor=actor, before={}, after=after, reason=reason)
        touch_monitor(schedule.job)


def resume_schedule(schedule: JobSchedule, *, actor: "User | None", moment: dt.datetime) -> None:
    """Let a schedule, and what rests of its job beside, ring again from now on."""
    with transaction.atomic():
        for locked in _lock_all_of(schedule.job):
            if locked.task.enabled:
                continue
            before = {"paused_reason": locked.paused_reason, "paused_until": locked.paused_until}
            _switch(locked.task, enabled=True)
            _count_anew(locked, locked.task, moment)
            record_action("resume", locked.task, actor=actor, before=before)


def _lock_all_of(job: str) -> QuerySet[JobSchedule]:
    locked = JobSchedule.objects.select_for_update(of=("self",)).filter(job=job)
    return locked.select_related("task__crontab", "task__interval").order_by("pk")


def _switch(task: PeriodicTask, *, enabled: bool) -> None:
    task.enabled = enabled
    # Saving is what tells a running beat to look again; paused, the row forgets when it last rang.
    task.save(update_fields=["enabled", "last_run_at"])  # type: ignore[no-untyped-call]  # the library has no types for it


def list_due(moment: dt.datetime) -> QuerySet[JobSchedule]:
    """List the schedules that have to be looked at."""
    return JobSchedule.objects.filter(due_at__lte=moment).order_by("due_at")


def start_due_slots(moment: dt.datetime) -> list[JobRun]:
    """Start what is due by all schedules, leaving out those that another tick has in hand."""
    runs: list[JobRun] = []
    for schedule in list_due(moment):
        try:
            runs += start_due(schedule.pk, moment, wait=False)
        except Exception:
            # The others must not wait for what is wrong with this one; its monitor tells that it is late.
            logger.exception("Schedule %s could not be started", schedule.pk)
    return runs


def ring_schedule(task_name: str, moment: dt.datetime) -> list[JobRun]:
    """Start what has just come due, as beat's message asks; what was missed is the tick's, which tells of it first."""
    on_time = JobSchedule.objects.filter(task__name=task_name, due_at__gt=moment - ON_TIME)
    found = on_time.values_list("pk", flat=True).first()
    return start_due(found, moment + CLOCKS_DIFFER_BY) if found else []


def start_due(schedule_id: int, moment: dt.datetime, *, wait: bool = True) -> list[JobRun]:
    """Start the slots of a schedule that are due and not handled yet, as its job wants to catch up; return new runs."""
    with transaction.atomic():
        locked = JobSchedule.objects.select_for_update(of=("self",), skip_locked=not wait)
        schedule = locked.select_related("task__crontab", "task__interval").filter(pk=schedule_id).first()
        if schedule is None:
            return []
        if schedule.is_paused and schedule.paused_until and schedule.paused_until <= moment:
            _switch(schedule.task, enabled=True)
            _count_anew(schedule, schedule.task, schedule.paused_until)
        if schedule.is_paused or schedule.due_at is None or schedule.due_at > moment:
            return []
        runs = _start_slots(schedule, schedule.due_at, moment)
        schedule.save(update_fields=["due_at", "problem"])
        return runs


def _start_slots(schedule: JobSchedule, since: dt.datetime, moment: dt.datetime) -> list[JobRun]:
    job = schedule.declaration
    if job is None:
        schedule.due_at, schedule.problem = None, "The code no longer declares this job."
        return []
    runs: list[JobRun] = []
    slots, missed = _slots_to_start(schedule, job, since, moment)
    for slot_at in slots[:_AT_A_TICK]:
        run, schedule.problem = _start_slot(job, schedule.in_own_zone(slot_at), _explain(slot_at, missed, job, moment))
        if schedule.problem and job.catch_up != "none":
            schedule.due_at = slot_at
            return runs
        runs += [run] if run else []
    left = slots[_AT_A_TICK:]
    schedule.due_at = left[0] if left else schedule.next_slot(moment)
    return runs


def _slots_to_start(
    schedule: JobSchedule, job: type[Job], since: dt.datetime, moment: dt.datetime
) -> tuple[list[dt.datetime], int]:
    """Choose among the slots that are due and not handled; return them in order, and how many there are."""
    just_before = since - dt.timedelta(microseconds=1)
    found = list_last_slots(schedule.task, just_before, moment, MOST_CAUGHT_UP + 1)
    if job.catch_up == "all":
        if len(found) > MOST_CAUGHT_UP:
            logger.warning("%s missed more than %s due times; the oldest are left out", schedule, MOST_CAUGHT_UP)
        return found[-MOST_CAUGHT_UP:], len(found)
    if job.catch_up == "none":
        return [slot_at for slot_at in found[-1:] if moment - slot_at <= ON_TIME], len(found)
    return found[-1:], len(found)


def _explain(slot_at: dt.datetime, missed: int, job: type[Job], moment: dt.datetime) -> str:
    """Say why a run begins so late; nothing where it does not."""
    if moment - slot_at <= ON_TIME:
        return ""
    many = missed > 1 and job.catch_up == "once"
    count = f"{min(missed, MOST_CAUGHT_UP)}{' or more' if missed > MOST_CAUGHT_UP else ''}"
    return f"Caught up: due {slot_at:%Y-%m-%d %H:%M} UTC{f', the last of {count} due times missed' if many else ''}."


def _start_slot(job: type[Job], slot_at: dt.datetime, reason: str) -> tuple[JobRun | None, str]:
    """Start one slot, in its schedule's zone; return the run that this made, and what keeps it from being started."""
    slot = slot_name(slot_at)
    try:
        params = read_params(job, job.scheduled(slot_at))
        run, created = start(job, params, JobRun.Trigger.SCHEDULE, slot=slot, reason=reason)
    except InvalidParams as error:
        logger.warning("The slot %s of %s was refused: %s", slot, job.name, error)
        return None, f"Refused: {error}"[:_LONGEST_TEXT]
    if run.slot != slot:
        return None, f"The run of {run.created_at:%Y-%m-%d %H:%M} UTC must end first."
    return (run if created else None), ""
