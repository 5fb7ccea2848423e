"""The jobs at a glance: the last runs of each, what this day brought and is still to bring, and the queues."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from huntaze.health import LONGEST_WITHOUT_TICK
from huntaze.queues import list_queues
from jobs.admin.words import MONITOR_TONES, RUN_TONES, describe_duration
from jobs.models import JobMonitor, JobRun
from jobs.registry import find_job
from jobs.schedules import START_TASK, next_due
from jobs.selectors import get_tick_age, list_known_jobs, list_last_runs, list_runs_of_day

_STRIP = 20
_AN_HOUR = 6
# A schedule that rings every minute is named by its first few times.
_TIMES_SHOWN = 4
_TIMES_COUNTED = 24 * 60
_LEGEND = (
    ("succeeded", "succeeded"),
    ("partial", "partly failed"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
    ("nothing_to_do", "nothing to do"),
    ("queued", "queued"),
    ("running", "under way"),
    ("due", "due"),
)


@dataclass(frozen=True)
class Mark:
    """A run as a small mark: its shape and colour by `state`, everything else in words."""

    state: str
    text: str
    address: str


@dataclass(frozen=True)
class Line:
    """One job: its last runs, the oldest first, the last of them in words, and when the next is due."""

    title: str
    address: str
    marks: list[Mark]
    last: dict[str, Any] | None
    due_at: dt.datetime | None
    due_by: PeriodicTask | None
    is_paused: bool
    monitor: JobMonitor | None

    @property
    def monitor_tone(self) -> str:
        return MONITOR_TONES.get(self.monitor.state, "") if self.monitor else ""


@dataclass
class Hour:
    """One hour of this day: the runs that started in it, and what is due in it."""

    number: int
    is_past: bool
    is_now: bool
    marks: list[Mark] = field(default_factory=list)
    has_more: bool = False


@dataclass(frozen=True)
class Due:
    """What a schedule is still to start today."""

    title: str
    times: list[dt.datetime]

    @property
    def shown(self) -> list[dt.datetime]:
        return self.times[:_TIMES_SHOWN]

    @property
    def others(self) -> int:
        return len(self.times) - len(self.shown)


def describe_jobs(moment: dt.datetime) -> dict[str, Any]:
    """Describe all jobs for the front page, as it is read at an instant."""
    schedules = _schedules()
    due = _list_due(schedules, moment)
    tick = get_tick_age("sweep")
    return {
        "lines": _lines(schedules, moment),
        "legend": _LEGEND,
        "hours": _hours(due, moment),
        "due": due,
        "queues": [(queue, describe_duration(dt.timedelta(seconds=queue.oldest_seconds))) for queue in list_queues()],
        "tick": None if tick is None else describe_duration(dt.timedelta(seconds=tick)),
        "tick_is_late": tick is not None and tick > LONGEST_WITHOUT_TICK,
    }


def _schedules() -> dict[str, list[PeriodicTask]]:
    """Find the schedules of each job, paused ones among them."""
    found: dict[str, list[PeriodicTask]] = {}
    for row in PeriodicTask.objects.filter(task=START_TASK).select_related("crontab", "interval").order_by("name"):
        found.setdefault(json.loads(row.kwargs or "{}").get("job", row.name), []).append(row)
    return found


def _lines(schedules: dict[str, list[PeriodicTask]], moment: dt.datetime) -> list[Line]:
    known = list_known_jobs()
    runs = list_last_runs(known, _STRIP)
    # Jobs that never ran come after those that did, and those that nobody declares any more come last.
    names = sorted(known, key=lambda name: (find_job(name) is None, name not in runs, _title(name)))
    monitors = {monitor.job: monitor for monitor in JobMonitor.objects.exclude(state=JobMonitor.State.NEW)}
    return [_line(name, runs.get(name, []), schedules.get(name, []), moment, monitors.get(name)) for name in names]


def _line(
    name: str, runs: list[JobRun], rows: list[PeriodicTask], moment: dt.datetime, monitor: JobMonitor | None
) -> Line:
    due = [(at, row) for row in rows if (at := next_due(row, moment))]
    due_at, due_by = min(due, key=itemgetter(0), default=(None, None))
    return Line(
        title=_title(name),
        address=f"{reverse('admin:jobs_jobrun_changelist')}?job={name}",
        marks=[_mark(run) for run in reversed(runs)],
        last=_describe_last(runs[0]) if runs else None,
        due_at=due_at,
        # One of several schedules says which it is: a day that is not the job's usual one needs its reason.
        due_by=due_by if len(rows) > 1 else None,
        is_paused=bool(rows) and not due,
        monitor=monitor,
    )


def _title(name: str) -> str:
    job = find_job(name)
    return job.title if job else name


def _describe_last(run: JobRun) -> dict[str, Any]:
    address = reverse("admin:jobs_jobrun_change", args=[run.pk])
    return {
        "run": run,
        "address": address,
        "tone": RUN_TONES.get(run.status, ""),
        "took": describe_duration(run.duration),
    }


def _mark(run: JobRun) -> Mark:
    count = f", {run.done:,} of {run.expected:,} done" if run.expected else ""
    failed = f", {run.failed:,} failed" if run.failed else ""
    dry = " (dry run)" if run.dry_run else ""
    text = f"{run}{dry}: {run.get_status_display().lower()}, {run.created_at:%Y-%m-%d %H:%M} UTC{count}{failed}"
    return Mark(run.status, text, reverse("admin:jobs_jobrun_change", args=[run.pk]))


def _list_due(schedules: dict[str, list[PeriodicTask]], moment: dt.datetime) -> list[Due]:
    found = []
    for name, rows in schedules.items():
        times = sorted({at for row in rows for at in _times_today(row, moment)})
        if times:
            found.append(Due(_title(name), times))
    return sorted(found, key=lambda due: due.times[0])


def _times_today(row: PeriodicTask, moment: dt.datetime) -> Iterator[dt.datetime]:
    midnight = _midnight(moment) + dt.timedelta(days=1)
    at = next_due(row, moment)
    for _ in range(_TIMES_COUNTED):
        if at is None or at >= midnight:
            return
        yield at
        at = next_due(row, at)


def _hours(due: list[Due], moment: dt.datetime) -> list[Hour]:
    runs = list_runs_of_day(_midnight(moment), _AN_HOUR + 1)
    hours = []
    for number in range(24):
        hour = Hour(number, is_past=number < moment.hour, is_now=number == moment.hour)
        hour.marks = [_mark(run) for run in runs.get(number, [])] + list(_due_marks(due, number))
        hour.has_more, hour.marks = len(hour.marks) > _AN_HOUR, hour.marks[-_AN_HOUR:]
        hours.append(hour)
    return hours


def _due_marks(due: list[Due], hour: int) -> Iterator[Mark]:
    address = reverse("admin:django_celery_beat_periodictask_changelist")
    for one in due:
        if times := [f"{at:%H:%M}" for at in one.times if at.hour == hour]:
            more = f" and {len(times) - _TIMES_SHOWN} times more" if len(times) > _TIMES_SHOWN else ""
            yield Mark("due", f"{one.title}: due at {', '.join(times[:_TIMES_SHOWN])} UTC{more}", address)


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)
