"""Due times of a schedule row: in UTC, strictly growing, each once.

A crontab is read as Debian's cron reads it in the row's time zone: a time that daylight saving removes comes as soon
as clocks have been put forward, one that it repeats comes once, and what runs by the hour or minute goes on.
"""

import datetime as dt
from collections.abc import Iterator
from itertools import count, takewhile

from cronsim import CronSim, CronSimError
from django_celery_beat.models import CrontabSchedule, PeriodicTask

_HOUR = dt.timedelta(hours=1)
# How far back to look for a due time: the dense are found in the first, what is due on a leap day in the last.
_WINDOWS = (2 * _HOUR, 48 * _HOUR, dt.timedelta(days=40), dt.timedelta(days=400), dt.timedelta(days=3_000))


def expression_of(crontab: CrontabSchedule) -> str:
    """Write a crontab row as five fields."""
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return " ".join(str(getattr(crontab, name)) for name in fields)


def zone_of(task: PeriodicTask) -> dt.tzinfo:
    """Return the time zone that a row is read in."""
    zone: dt.tzinfo = task.crontab.timezone if task.crontab else dt.UTC
    return zone


def describe_timetable(task: PeriodicTask) -> str:
    """Write down when a row rings, so that a change of it can be told; empty where it never does."""
    if task.crontab:
        return f"{expression_of(task.crontab)} ({task.crontab.timezone})"
    return str(task.interval) if task.interval else ""


def iterate_slots(task: PeriodicTask, after: dt.datetime) -> Iterator[dt.datetime]:
    """Go through the due times after an instant, whether or not the row is paused."""
    if task.crontab:
        last = after.astimezone(dt.UTC)
        for found in _go_through(expression_of(task.crontab), last.astimezone(task.crontab.timezone)):
            # In the hour that comes twice cron's local time falls behind; in one left out, times fall together.
            if (slot := found.astimezone(dt.UTC)) > last:
                last = slot
                yield slot
    elif task.interval:
        seconds = max(int(task.interval.schedule.run_every.total_seconds()), 1)
        first = int(after.timestamp() // seconds + 1) * seconds
        yield from (dt.datetime.fromtimestamp(at, tz=dt.UTC) for at in count(first, seconds))


def _go_through(expression: str, local: dt.datetime) -> Iterator[dt.datetime]:
    try:
        simulation = CronSim(expression, local)
    except CronSimError:
        # Beat's own table admits what never comes true, like the thirtieth of February.
        return iter(())
    return simulation


def next_slot(task: PeriodicTask, after: dt.datetime) -> dt.datetime | None:
    """Return the first due time after an instant; None where there never is one."""
    return next(iterate_slots(task, after), None)


def list_last_slots(task: PeriodicTask, after: dt.datetime, until: dt.datetime, limit: int) -> list[dt.datetime]:
    """List the due times after one instant and up to another in order, the newest `limit` where there are more."""
    found: list[dt.datetime] = []
    for window in _WINDOWS:
        since = max(after, until - window)
        found = list(takewhile(lambda slot: slot <= until, iterate_slots(task, since)))
        if len(found) >= limit or since == after:
            break
    return found[-limit:]


def latest_slot(task: PeriodicTask, moment: dt.datetime) -> dt.datetime | None:
    """Return the last due time up to an instant."""
    found = list_last_slots(task, dt.datetime(1970, 1, 1, tzinfo=dt.UTC), moment, 1)
    return found[-1] if found else None
