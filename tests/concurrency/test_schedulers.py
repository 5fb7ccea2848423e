"""Any number of schedulers start one run a slot, because the slot is unique in the database."""

from collections.abc import Iterator

import pytest
from django.db import connection

from jobs.models import JobRun
from jobs.schedules import sync_schedules
from tests.concurrency.fleet import Fleet

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SCHEDULERS = 8


def ring(fleet: Fleet) -> list[tuple[int, bool]]:
    """Let schedulers ring at the same moment; return which run each got, and whether it made it."""
    sync_schedules()
    ends = fleet.let_loose(*[{"do": "start_scheduled", "job": "monthly-billing"}] * SCHEDULERS)
    return [tuple(end["answer"]) for end in ends]


def test_many_schedulers_start_one_run(fleet: Fleet) -> None:
    for _ in range(3):
        got = ring(fleet)
        run = JobRun.objects.get()
        assert {pk for pk, _ in got} == {run.pk}
        assert (run.trigger, run.status) == ("schedule", "queued")
        assert (run.slot or "").startswith("schedule ")


def test_one_of_them_made_it(fleet: Fleet) -> None:
    assert sorted(created for _, created in ring(fleet)) == [False] * (SCHEDULERS - 1) + [True]


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


def test_without_the_index_each_would_start_one(fleet: Fleet, no_indexes: None) -> None:
    ring(fleet)
    assert JobRun.objects.count() == SCHEDULERS
