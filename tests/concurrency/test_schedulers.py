"""Any number of schedulers start one run a slot: they take turns, and the slot is unique in the database."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django_celery_beat.models import PeriodicTask

from jobs.models import JobMonitor, JobRun, JobSchedule, MonitorChange
from jobs.schedules import make_crontab, sync_schedules
from jobs.services.monitoring import sync_monitors
from jobs.services.scheduling import slot_name
from tests.concurrency.fleet import Fleet

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SCHEDULERS = 8
NAME = "hourly-usage"
WITHOUT_TURNS = {"strip": ' FOR UPDATE OF "jobs_jobschedule"'}


def fall_due() -> dt.datetime:
    """Let the schedule ring once a year, and the last time be due and not yet handled."""
    sync_schedules()
    task = PeriodicTask.objects.get(name=NAME)
    task.crontab = make_crontab("0 0 1 1 *", "UTC")
    task.save()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    slot = dt.datetime(dt.datetime.now(dt.UTC).year, 1, 1, tzinfo=dt.UTC)
    assert JobSchedule.objects.filter(task__name=NAME).update(due_at=slot, counts_from=slot) == 1
    return slot


def ring(fleet: Fleet, slot: dt.datetime, **spec: Any) -> list[list[int]]:
    """Let schedulers ring at the same moment; return which runs each of them made."""
    asked = {"do": "ring_schedule", "schedule": NAME, "moment": slot.isoformat(), **spec}
    ends = fleet.let_loose(*[asked] * SCHEDULERS)
    return sorted(end["answer"] for end in ends)


@pytest.mark.parametrize("spec", [{}, WITHOUT_TURNS], ids=["taking turns", "all at once"])
def test_many_schedulers_start_one_run(fleet: Fleet, spec: dict[str, str]) -> None:
    slot = fall_due()
    made = ring(fleet, slot, **spec)
    run = JobRun.objects.get()
    assert made == [[]] * (SCHEDULERS - 1) + [[run.pk]]
    assert (run.trigger, run.status, run.slot) == ("schedule", "queued", slot_name(slot))
    due_at = JobSchedule.objects.get(task__name=NAME).due_at
    assert due_at == slot.replace(year=slot.year + 1)


@pytest.fixture
def no_indexes() -> Iterator[None]:
    """Take away what makes a slot, and a place, one run's alone."""
    taken = [c for c in JobRun._meta.constraints if c.name in {"jobs_run_slot", "jobs_run_overlap"}]
    with connection.schema_editor() as editor:
        for constraint in taken:
            editor.remove_constraint(JobRun, constraint)
    yield
    JobRun.objects.all().delete()
    with connection.schema_editor() as editor:
        for constraint in taken:
            editor.add_constraint(JobRun, constraint)


def test_without_turns_and_index_several_would_start_one(fleet: Fleet, no_indexes: None) -> None:
    ring(fleet, fall_due(), **WITHOUT_TURNS, meet_behind='"jobs_jobschedule"."problem"')
    assert JobRun.objects.count() == SCHEDULERS


def test_many_ticks_at_once_do_everything_once(fleet: Fleet) -> None:
    """Each schedule and monitor is taken by one tick; the others leave it alone."""
    slot = fall_due()
    long_ago = slot - dt.timedelta(days=1)
    sync_monitors(long_ago)
    JobSchedule.objects.filter(task__name=NAME).update(counts_from=long_ago)
    JobMonitor.objects.update(check_at=long_ago, counts_from=long_ago, state="healthy")
    ends = fleet.let_loose(*[{"do": "tick"}] * SCHEDULERS)
    assert all("answer" in end for end in ends), ends
    assert [run.slot for run in JobRun.objects.all()] == [slot_name(slot)]
    changes = MonitorChange.objects.filter(monitor__job=NAME)
    assert [(change.before, change.after) for change in changes] == [("healthy", "missed")]
    assert not JobMonitor.objects.filter(check_at__lte=long_ago).exists()
