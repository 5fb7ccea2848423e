"""The schedules of declared jobs: rows of django-celery-beat, in UTC, created once and then the staff's own."""

import datetime as dt
import json
import zoneinfo
from contextlib import suppress
from typing import Any

from cronsim import CronSim
from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from accounts.models import User
from accounts.services.auditing import record_action
from common.clock import now
from jobs.models import JobSchedule
from jobs.models.timetables import describe_timetable, expression_of, latest_slot, next_slot
from jobs.registry import Job, list_jobs
from jobs.services.monitoring import sync_monitors
from jobs.services.scheduling import follow_task

__all__ = ["declared_schedules", "latest_slot", "next_due", "sync_schedules"]
START_TASK = "jobs.start_job"
_MARK = "Declared as "
_LAST_DAY = 31
_OWN_TASKS = {
    "sweep": ("jobs.sweep", "Rings for runs whose bell was lost, whose worker died or whose retry fell due."),
    "tick": ("jobs.tick", "Starts what is due, looks after the monitors and raises alerts."),
}


def declared_schedules(job: type[Job]) -> dict[str, str]:
    """Return a job's five-field cron expressions, as the code or `RUN_SCHEDULE` declares them, by the name of the row.

    An empty expression stands for a row that there is no need for.
    """
    first, more = job.schedule, dict(job.more_schedules)
    if job.name == "monthly-billing" and settings.RUN_SCHEDULE:
        first = six_to_five_fields(settings.RUN_SCHEDULE)
        more = dict.fromkeys(more, days_after(first))
    named = {job.name: first} if first else {}
    return named | {f"{job.name}-{name}": expression for name, expression in more.items()}


def six_to_five_fields(expression: str) -> str:
    """Read the former six-field cron expression (seconds first); ValueError where it is none or asks for seconds."""
    fields = expression.split()
    if len(fields) != 6 or fields[0] not in {"0", "00"}:
        raise ValueError(
            f"RUN_SCHEDULE “{expression}” is not a schedule: give six fields, the first of them (seconds) 0, "
            "like “0 0 2 1 * *”."
        )
    CronSim(" ".join(fields[1:]), now())
    return " ".join(fields[1:])


def days_after(expression: str) -> str:
    """Return the days of each month after the one that an expression names; empty where it names no single day."""
    minute, hour, day, month, weekday = expression.split()
    if not day.isdecimal() or int(day) >= _LAST_DAY or (month, weekday) != ("*", "*"):
        return ""
    return f"{minute} {hour} {int(day) + 1}-{_LAST_DAY} * *"


def sync_schedules() -> None:
    """Create a row for each declared schedule; follow a changed declaration only where nobody edited the row."""
    for job in list_jobs():
        for name, expression in declared_schedules(job).items():
            _sync_one(job, name, expression)
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period=IntervalSchedule.SECONDS)
    for name, (task, description) in _OWN_TASKS.items():
        PeriodicTask.objects.get_or_create(
            name=name,
            defaults={"task": task, "interval": every, "expire_seconds": 60, "description": description},
        )
    # Rows from before their standing was kept.
    for row in PeriodicTask.objects.filter(task=START_TASK, job_schedule=None).select_related("crontab", "interval"):
        follow_task(row, now())


def _sync_one(job: type[Job], name: str, expression: str) -> None:
    row = PeriodicTask.objects.filter(name=name).select_related("crontab").first()
    mark = f"{_MARK}{expression} (UTC)."
    untouched = row is not None and row.crontab is not None and _is_as_declared(row.description, row.crontab)
    if row is None:
        if expression:
            kwargs = {"job": job.name} if name == job.name else {"job": job.name, "schedule": name}
            PeriodicTask.objects.create(
                name=name,
                task=START_TASK,
                crontab=_crontab(expression),
                kwargs=json.dumps(kwargs),
                queue="default",
                description=mark,
            )
    elif untouched and not expression:
        # The last one of a job that is paused stays until it is resumed.
        with suppress(ProtectedError):
            row.delete()
    elif untouched and row.description != mark:
        row.crontab, row.description = _crontab(expression), mark
        row.save()


def _is_as_declared(description: str, crontab: CrontabSchedule) -> bool:
    """Tell a row that still says what the code once declared from one that somebody edited."""
    return str(crontab.timezone) == "UTC" and description == f"{_MARK}{expression_of(crontab)} (UTC)."


def _crontab(expression: str) -> CrontabSchedule:
    return make_crontab(expression, "UTC")


def make_crontab(expression: str, zone: str) -> CrontabSchedule:
    """Find or make the crontab row of five fields in a time zone."""
    minute, hour, day, month, weekday = expression.split()
    schedule, _ = CrontabSchedule.objects.get_or_create(
        minute=minute,
        hour=hour,
        day_of_month=day,
        month_of_year=month,
        day_of_week=weekday,
        timezone=zoneinfo.ZoneInfo(zone),
    )
    return schedule


def change_timetable(
    schedule: JobSchedule, timetable: PeriodicTask, note: str, *, actor: User, reason: str = ""
) -> bool:
    """Let a schedule ring as an unsaved row does; return whether that is at other times than before.

    Where it is, the schedule counts from now on, or from when it is resumed.
    """
    with transaction.atomic():
        # In the order in which the tick takes them.
        JobSchedule.objects.select_for_update().get(pk=schedule.pk)
        task = PeriodicTask.objects.get(pk=schedule.task_id)
        before = {"timetable": describe_timetable(task), "note": task.description}
        wanted, every = timetable.crontab, timetable.interval
        task.crontab = make_crontab(expression_of(wanted), str(wanted.timezone)) if wanted else None
        if every:
            task.interval, _ = IntervalSchedule.objects.get_or_create(every=every.every, period=every.period)
        else:
            task.interval = None
        is_moved = describe_timetable(task) != before["timetable"]
        # What the code declared is no longer what it says.
        task.description = "" if is_moved and note == before["note"] and note.startswith(_MARK) else note
        task.save()  # type: ignore[no-untyped-call]  # the library has no types for it
        after = {"timetable": describe_timetable(task), "note": task.description}
        record_action("change", task, actor=actor, before=before, after=after, reason=reason)
        return is_moved


def next_due(row: PeriodicTask, moment: dt.datetime) -> dt.datetime | None:
    """Return when a schedule rings next, in UTC; None where it is paused."""
    return next_slot(row, moment) if row.enabled else None


def sync_after_migrate(**_: Any) -> None:
    """Create the rows of schedules and monitors once the tables are there."""
    sync_schedules()
    sync_monitors(now())


def follow_saved_task(instance: PeriodicTask, raw: bool = False, **_: Any) -> None:
    """Notice what somebody did to a schedule row, wherever it was done."""
    if instance.task == START_TASK and not raw:
        follow_task(instance, now())


def follow_saved_timetable(instance: CrontabSchedule | IntervalSchedule, raw: bool = False, **_: Any) -> None:
    """Notice that a crontab or an interval was changed, with all schedules that use it."""
    if not raw:
        for task in instance.periodictask_set.filter(task=START_TASK).select_related("crontab", "interval"):
            follow_task(task, now())
