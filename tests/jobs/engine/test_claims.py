"""Items as a work queue: each in one pair of hands, under a lease, written under a fencing token."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from jobs.engine import work
from jobs.engine.claims import Claimed, claim, flush, hold, renew
from jobs.engine.context import Context
from jobs.models import JobItem, JobRun
from jobs.registry import Job
from jobs.selectors import is_holding
from jobs.services import expand_run, release_items
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, complete, counts, effects, elsewhere, end_leases, items, statuses

KEYS = [f"{number:02}" for number in range(10)]


@pytest.fixture(autouse=True)
def long_lease(settings: Settings) -> None:
    """Let a lease end only when a test says so."""
    settings.JOBS_LEASE_SECONDS = 60


@pytest.fixture
def run(declare: Declare) -> Iterator[JobRun]:
    """A run of ten items, expanded, that nobody works on."""

    @declare("claims", title="Claims", batch_size=4)
    class Claims(Job):
        def keys(self) -> Sequence[str]:
            return KEYS

        def process(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key)

    yield expand_run(begin("claims").pk)


def keys_of(claimed: Sequence[Claimed]) -> list[str]:
    return [item.key for item in claimed]


def test_claims_in_the_order_of_expectation_up_to_the_limit(run: JobRun) -> None:
    assert keys_of(claim(run, 4)) == KEYS[:4]
    assert keys_of(claim(run, 4)) == KEYS[4:8]
    assert keys_of(claim(run, 4)) == KEYS[8:]
    assert claim(run, 4) == []


def test_a_claim_says_who_since_when_and_until_when(run: JobRun) -> None:
    claim(run, 1)
    item = items(run)["00"]
    assert item.status == "running"
    assert item.token == 1
    assert item.worker
    assert item.started_at is not None
    assert item.lease_expires_at is not None
    # Both by the database's clock.
    assert 59.9 < (item.lease_expires_at - item.started_at).total_seconds() < 60.1


def test_a_claim_in_progress_is_passed_over_not_waited_for(run: JobRun) -> None:
    found: list[str] = []
    with transaction.atomic():
        assert keys_of(claim(run, 4)) == KEYS[:4]
        # The other connection would wait for this transaction's locks if it did not skip them.
        with elsewhere(lambda: found.extend(keys_of(claim(run, 100)))) as other:
            other.join(10)
            assert not other.is_alive()
    assert found == KEYS[4:]


def test_two_connections_never_claim_the_same(run: JobRun) -> None:
    mine: list[str] = []
    theirs: list[str] = []

    def take(into: list[str]) -> None:
        while taken := keys_of(claim(run, 1)):
            into += taken

    with elsewhere(lambda: take(theirs)):
        take(mine)
    assert sorted(mine + theirs) == KEYS


def test_what_is_due_later_waits(run: JobRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_jobitem SET not_before = clock_timestamp() + interval '1 hour' WHERE key < '08'")
    assert keys_of(claim(run, 100)) == ["08", "09"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_jobitem SET not_before = clock_timestamp() WHERE key = '03'")
    assert keys_of(claim(run, 100)) == ["03"]


def test_a_live_lease_protects_and_an_ended_one_gives_back(run: JobRun) -> None:
    first = claim(run, 100)
    assert claim(run, 100) == []
    end_leases(run)
    # Fewer at a time, for one of them may be what its worker died of.
    again = claim(run, 40)
    assert len(again) == 5
    assert [(item.token, items(run)[item.key].crashes) for item in again] == [(2, 1)] * 5
    assert [item.token for item in first] == [1] * 10


def test_waiting_items_come_before_abandoned_ones(run: JobRun) -> None:
    claim(run, 4)
    end_leases(run)
    assert keys_of(claim(run, 100)) == KEYS[4:]


def test_a_stale_token_writes_nothing(run: JobRun) -> None:
    (late,) = claim(run, 1)
    end_leases(run)
    complete(run)
    before = JobItem.objects.filter(run=run, key="00").values().get()
    late.status, late.result, late.error = "failed", {"by": "the late one"}, "too late"
    assert flush(run, [late]) == set()
    late.status = "running"
    assert renew([late])
    with transaction.atomic():
        assert hold([late]) == set()
    release_items(run.pk, [late])
    assert JobItem.objects.filter(run=run, key="00").values().get() == before
    run.refresh_from_db()
    assert counts(run) == (10, 10, 0, 0)


def test_a_stale_token_writes_nothing_while_the_new_holder_works(run: JobRun) -> None:
    (late,) = claim(run, 1)
    end_leases(run)
    claim(run, 9)
    (new,) = claim(run, 1)
    assert (new.key, new.token) == (late.key, late.token + 1)
    late.status = "done"
    assert flush(run, [late]) == set()
    assert (is_holding(late.id, late.token), is_holding(new.id, new.token)) == (False, True)
    assert statuses(run)["00"] == "running"
    new.status = "done"
    assert flush(run, [new]) == {new.id}
    run.refresh_from_db()
    assert run.done == 1


def test_without_the_token_a_late_worker_would_write(run: JobRun) -> None:
    """What the tests above rest on."""
    (late,) = claim(run, 1)
    end_leases(run)
    claim(run, 9)
    claim(run, 1)
    late.status, late.result = "done", {"by": "the late one"}

    def strip(execute: Callable[..., Any], sql: str, *given: Any) -> Any:
        return execute(sql.replace("AND item.token = news.token", ""), *given)

    with connection.execute_wrapper(strip):
        assert flush(run, [late]) == {late.id}
    assert items(run)["00"].result == {"by": "the late one"}


def test_only_what_is_still_held_is_renewed_and_written(run: JobRun) -> None:
    held = claim(run, 3)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_jobitem SET token = token + 1 WHERE id = %s", [held[1].id])
    assert renew(held)
    for item in held:
        item.status = "done"
    assert flush(run, held) == {held[0].id, held[2].id}
    assert statuses(run)["01"] == "running"


def test_nothing_is_claimed_of_a_run_that_is_over_or_to_be_cancelled(run: JobRun) -> None:
    claim(run, 4)
    end_leases(run)
    for values in ({"status": "failed"}, {"status": "running", "cancel_requested_at": run.created_at}):
        JobRun.objects.filter(pk=run.pk).update(**values)
        assert claim(run, 100) == []


@pytest.mark.parametrize("batch_size", [1, 5, 40, 100])
def test_an_item_that_kills_its_worker_ends_up_alone(declare: Declare, batch_size: int) -> None:
    @declare("killer", title="Killer", batch_size=batch_size)
    class Killer(Job):
        def keys(self) -> Sequence[str]:
            return [f"{number:03}" for number in range(100)]

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(",".join(keys), "called")
            if "050" in keys:
                # As good as a killed process: it leaves without a word, and nothing of the batch is written down.
                raise SystemExit
            for key in keys:
                act(key)

    run = begin("killer")
    deaths = 0
    while True:
        end_leases(run)
        try:
            if work(run.pk):
                break
        except SystemExit:
            deaths += 1
    run.refresh_from_db()
    assert deaths == 5
    assert (run.status, counts(run)) == ("partial", (100, 99, 0, 1))
    killer = items(run)["050"]
    assert (killer.status, killer.error_kind) == ("failed", "crash")
    assert killer.error == "The worker died 5 times while working on this."
    assert sorted(effects()) == [f"{number:03}" for number in range(100) if number != 50]
    # It was alone when it was given up, so that nobody else was blamed.
    assert [called for called in effects("called") if "050" in called][-1] == "050"


def test_an_item_whose_worker_died_only_once_is_not_suspected_for_long(run: JobRun) -> None:
    for _ in range(3):
        claim(run, 100)
        end_leases(run)
    complete(run)
    assert counts(run) == (10, 10, 0, 0)
    assert max(item.crashes for item in items(run).values()) < 5
