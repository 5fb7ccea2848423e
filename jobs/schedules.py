"""The schedules of declared jobs: rows of django-celery-beat, in UTC, created once and then the staff's own."""

import datetime as dt
import json
import zoneinfo
from typing import Any

from cronsim import CronSim
from django.conf import settings
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from common.clock import iso, now
from jobs.models import JobRun
from jobs.registry import Job, get_job, list_jobs
from jobs.services import read_params, start

START_TASK = "jobs.start_job"
_MARK = "Declared as "
_CLOCKS_DIFFER_BY = dt.timedelta(seconds=5)


def declared_schedule(job: type[Job]) -> str:
    """Return the five-field cron expression that the code, or `RUN_SCHEDULE` for billing, declares."""
    if job.name == "monthly-billing" and settings.RUN_SCHEDULE:
        return six_to_five_fields(settings.RUN_SCHEDULE)
    return job.schedule


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


def sync_schedules() -> None:
    """Create a schedule row for each declared job; follow a changed declaration only where nobody edited the row."""
    for job in list_jobs():
        if expression := declared_schedule(job):
            _sync_one(job, expression)
    every, _ = IntervalSchedule.objects.get_or_create(every=20, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.get_or_create(
        name="sweep",
        defaults={
            "task": "jobs.sweep",
            "interval": every,
            "expire_seconds": 60,
            "description": "Rings for runs whose bell was lost, whose worker died or whose retry fell due.",
        },
    )


def _sync_one(job: type[Job], expression: str) -> None:
    row = PeriodicTask.objects.filter(name=job.name).select_related("crontab").first()
    mark = f"{_MARK}{expression} (UTC)."
    if row is None:
        PeriodicTask.objects.create(
            name=job.name,
            task=START_TASK,
            crontab=_crontab(expression),
            kwargs=json.dumps({"job": job.name}),
            queue="default",
            description=mark,
        )
    elif row.description != mark and row.crontab and _is_as_declared(row.description, row.crontab):
        row.crontab, row.description = _crontab(expression), mark
        row.save()


def _is_as_declared(description: str, crontab: CrontabSchedule) -> bool:
    """Tell a row that still says what the code once declared from one that somebody edited."""
    return str(crontab.timezone) == "UTC" and description == f"{_MARK}{_expression(crontab)} (UTC)."


def _crontab(expression: str) -> CrontabSchedule:
    minute, hour, day, month, weekday = expression.split()
    schedule, _ = CrontabSchedule.objects.get_or_create(
        minute=minute,
        hour=hour,
        day_of_month=day,
        month_of_year=month,
        day_of_week=weekday,
        timezone=zoneinfo.ZoneInfo("UTC"),
    )
    return schedule


def _expression(crontab: CrontabSchedule) -> str:
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return " ".join(str(getattr(crontab, name)) for name in fields)


def latest_slot(row: PeriodicTask, moment: dt.datetime) -> dt.datetime:
    """Return the instant for which a schedule rings now: its last due time, or the full interval before `moment`."""
    if row.crontab:
        # Added in UTC: local time forgets which of two equal hours it is in when clocks are put back.
        beyond = moment.astimezone(dt.UTC).replace(second=0, microsecond=0) + dt.timedelta(minutes=1)
        local = beyond.astimezone(row.crontab.timezone)
        return next(CronSim(_expression(row.crontab), local, reverse=True)).astimezone(dt.UTC)
    if row.interval:
        seconds = row.interval.schedule.run_every.total_seconds()
        return dt.datetime.fromtimestamp(moment.timestamp() // seconds * seconds, tz=dt.UTC)
    return moment.replace(microsecond=0)


def next_due(row: PeriodicTask, moment: dt.datetime) -> dt.datetime | None:
    """Return when a crontab schedule rings next, in UTC; None where it is paused or has no crontab."""
    if not row.enabled or row.crontab is None:
        return None
    return next(CronSim(_expression(row.crontab), moment.astimezone(row.crontab.timezone))).astimezone(dt.UTC)


def start_scheduled(name: str) -> tuple[JobRun, bool]:
    """Start a job for its present slot; two schedulers, or one that rings twice, get the same run.

    A worker whose clock is a little behind the scheduler's must not take the slot for the one before it.
    """
    job = get_job(name)
    row = PeriodicTask.objects.select_related("crontab", "interval").get(name=name)
    slot = iso(latest_slot(row, now() + _CLOCKS_DIFFER_BY))
    return start(job, read_params(job, {}), JobRun.Trigger.SCHEDULE, slot=f"schedule {slot}")


def sync_after_migrate(**_: Any) -> None:
    """Create the schedule rows once the tables are there."""
    sync_schedules()
