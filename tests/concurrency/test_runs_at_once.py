"""Several runs and several workers at once come to the same end as one; and what would happen if nothing saw to it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from billing.models import Invoice
from jobs.models import JobItem, JobRun
from tests.concurrency.fleet import Fleet
from tests.concurrency.world import Look, Outside, World, find_faults_everywhere, make_world, start_billing
from tests.emptying import empty_tables

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LOCK = "FOR UPDATE OF account"
# Two runs that meet at one effect take turns; on a busy machine a turn may take its time.
PATIENT = {"JOBS_MAX_ATTEMPTS": 200}
ONE_BY_ONE = {"batch_sizes": {"monthly-billing": 1}}


@pytest.fixture
def worlds(outside: Outside) -> list[World]:
    return [make_world(outside) for _ in range(4)]


def merge(*worlds: World) -> World:
    """See several worlds as one."""
    return World(
        {id_: cents for world in worlds for id_, cents in world.totals.items()},
        {id_: address for world in worlds for id_, address in world.addresses.items()},
    )


def start_all(worlds: list[World]) -> JobRun:
    """Start the month for everybody."""
    return start_billing(World({}, {}))


def work(fleet: Fleet, *runs: JobRun, **options: Any) -> None:
    """Let a worker begin for each of these runs, all at the same moment."""
    options = {"settings": PATIENT, **options}
    for end in fleet.work(*({"runs": [run.pk], **options} for run in runs)):
        assert end.get("answer") == [True], end
    for run in runs:
        run.refresh_from_db()


def find_faults(outside: Outside, worlds: list[World]) -> list[str]:
    return [*Look(outside).find_faults(merge(*worlds)), *find_faults_everywhere()]


def test_the_whole_month_and_its_organizations_by_name(fleet: Fleet, outside: Outside, worlds: list[World]) -> None:
    """Their overlap is not forbidden, for the scopes differ: what both would bill is billed by one of them."""
    runs = [start_all(worlds), start_billing(merge(*worlds))]
    work(fleet, *runs, meet_behind="WITH chosen")
    assert [(run.status, run.expected, run.done) for run in runs] == [("succeeded", 8, 8)] * 2
    assert find_faults(outside, worlds) == []
    assert sum(run.summary["invoices"] for run in runs) == 8
    assert {invoice.run_id for invoice in Invoice.objects.all()} <= {run.pk for run in runs}


def test_several_runs_that_share_some_organizations(fleet: Fleet, outside: Outside, worlds: list[World]) -> None:
    one, two, three, four = worlds
    runs = [start_all(worlds), *(start_billing(merge(*some)) for some in ((one, two), (two, three), (three, four)))]
    work(fleet, *runs, **ONE_BY_ONE)
    assert [run.status for run in runs] == ["succeeded"] * 4
    assert find_faults(outside, worlds) == []


def test_several_workers_on_one_run(fleet: Fleet, outside: Outside, worlds: list[World]) -> None:
    run = start_all(worlds)
    work(fleet, run, run, run, run, **ONE_BY_ONE)
    assert (run.status, run.expected, run.done) == ("succeeded", 8, 8)
    assert find_faults(outside, worlds) == []
    items = JobItem.objects.filter(run=run)
    assert {item.token for item in items} == {1}
    assert len({item.worker for item in items}) > 1


# What sees to it: a lock, and an index behind it


@pytest.fixture
def world(outside: Outside) -> World:
    return make_world(outside)


@pytest.fixture
def no_index() -> Iterator[None]:
    """Take away what makes a month of an organization unique."""
    (index,) = [c for c in Invoice._meta.constraints if c.name == "billing_invoice_month_unique"]
    with connection.schema_editor() as editor:
        editor.remove_constraint(Invoice, index)
    yield
    empty_tables("billing_invoice CASCADE")
    with connection.schema_editor() as editor:
        editor.add_constraint(Invoice, index)


def bill_twice(fleet: Fleet, world: World, **options: Any) -> tuple[set[int], list[str]]:
    """Let two runs bill the same organizations; return how many invoices each has got, and what went wrong."""
    runs = [start_billing(World({}, {}), deliver=False), start_billing(world, deliver=False)]
    work(fleet, *runs, **ONE_BY_ONE, **options)
    invoices = Counter(Invoice.objects.values_list("organization", flat=True))
    errors = JobItem.objects.filter(run__in=runs).exclude(error="").values_list("error", flat=True)
    return set(invoices.values()), list(errors)


def test_with_the_lock_the_second_run_waits_and_sees(fleet: Fleet, world: World) -> None:
    assert bill_twice(fleet, world) == ({1}, [])


def test_with_the_lock_alone_there_is_one(fleet: Fleet, world: World, no_index: None) -> None:
    assert bill_twice(fleet, world) == ({1}, [])


def test_without_the_lock_the_index_refuses_the_second(fleet: Fleet, world: World) -> None:
    invoices, errors = bill_twice(fleet, world, strip=LOCK, meet_behind=LOCK)
    assert invoices == {1}
    assert [error for error in errors if "billing_invoice_month_unique" in error]


def test_without_lock_and_index_there_are_two(fleet: Fleet, world: World, no_index: None) -> None:
    invoices, _ = bill_twice(fleet, world, strip=LOCK, meet_behind=LOCK)
    assert 2 in invoices
