"""The heartbeat: a long item is kept, a lost one is noticed, and former batches don't matter."""

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from jobs.engine import work
from jobs.engine.claims import claim, flush
from jobs.engine.context import Context
from jobs.engine.worker import Heart
from jobs.models import JobRun
from jobs.registry import Job, Step
from jobs.services import expand_run
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, complete, counts, effects, elsewhere, end_leases, items, lease_of, statuses

_PATIENCE = 20.0


def wait_until(holds: Callable[[], bool]) -> None:
    """Return as soon as something holds; fail where it never does."""
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def short_lease(settings: Settings) -> None:
    settings.JOBS_LEASE_SECONDS = 1.2


@pytest.fixture
def heart(declare: Declare) -> Iterator[Heart]:
    """A heart for a run of four items."""

    @declare("beating", title="Beating")
    class Beating(Job):
        def keys(self) -> Sequence[str]:
            return list("abcd")

        def process(self, keys: Sequence[str], context: Context) -> None:
            pass

    heart = Heart(expand_run(begin("beating").pk))
    yield heart
    heart.end()


def test_a_heartbeat_keeps_a_long_item(declare: Declare) -> None:
    leases: list[object] = []

    @declare("long", title="Long")
    class Long(Job):
        def keys(self) -> Sequence[str]:
            return ["a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            first = lease_of(context.run, "a")
            # Longer than the lease that it was claimed under: by then it would have been lost.
            wait_until(lambda: (lease_of(context.run, "a") - first).total_seconds() > 1.2)
            leases.extend([first, lease_of(context.run, "a")])
            assert claim(context.run, 1) == []
            act("a")

    run = complete(begin("long"))
    assert (run.status, effects()) == ("succeeded", ["a"])
    assert items(run)["a"].token == 1
    assert len(leases) == 2


def test_a_worker_that_lost_its_items_stops_before_the_next_step(declare: Declare) -> None:
    """Somebody else takes the batch while its worker is in the first step: the second is theirs alone."""

    @declare("lost", title="Lost")
    class Lost(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b"]

        def steps(self) -> Sequence[Step]:
            return Step("first", self.first), Step("second", self.second)

        def first(self, keys: Sequence[str], context: Context) -> None:
            if effects("first"):
                return
            act("", "first")
            with connection.cursor() as cursor:
                cursor.execute("UPDATE jobs_jobitem SET token = token + 1, worker = 'another'")
            wait_until(lambda: stopped(context))
            # The other one finishes meanwhile.
            with connection.cursor() as cursor:
                cursor.execute("UPDATE jobs_jobitem SET status = 'done', result = '{\"by\": \"another\"}'")

        def second(self, keys: Sequence[str], context: Context) -> None:
            act(",".join(keys), "second")

    run = complete(begin("lost"))
    assert effects("second") == []
    assert {item.result["by"] for item in items(run).values()} == {"another"}
    assert statuses(run) == {"a": "done", "b": "done"}


def stopped(context: Context) -> bool:
    try:
        context.check()
    except Exception:
        return True
    return False


def test_a_worker_that_lost_its_items_goes_on_with_others(declare: Declare) -> None:
    @declare("goes-on", title="Goes on", batch_size=1)
    class GoesOn(Job):
        def keys(self) -> Sequence[str]:
            return list("abc")

        def steps(self) -> Sequence[Step]:
            return Step("first", self.first), Step("second", self.second)

        def first(self, keys: Sequence[str], context: Context) -> None:
            if keys == ["a"] and not effects("lost"):
                act("a", "lost")
                with connection.cursor() as cursor:
                    cursor.execute(
                        "UPDATE jobs_jobitem SET token = token + 1, "
                        "lease_expires_at = clock_timestamp() + interval '1 hour' WHERE key = 'a'"
                    )
                wait_until(lambda: stopped(context))

        def second(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])

    run = begin("goes-on")
    assert not work(run.pk)
    assert effects() == ["b", "c"]
    end_leases(run)
    assert counts(complete(run)) == (3, 3, 0, 0)
    assert effects() == ["b", "c", "a"]


def is_waited_for() -> bool:
    """Whether another connection waits for the transaction that is open here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid")
        return cursor.fetchone() is not None


def test_a_beat_that_comes_as_its_batch_ends_does_not_stop_the_worker(heart: Heart) -> None:
    """It waits for the locks of the write that ends the batch, finds nothing to prolong, and must not take fright."""
    run = heart._run
    ended, next_ones = claim(run, 2), claim(run, 2)
    heart.hold(ended)
    with transaction.atomic():
        for item in ended:
            item.status = "done"
        assert len(flush(run, ended)) == 2
        wait_until(is_waited_for)
    heart.hold([])
    heart.hold(next_ones)
    before = lease_of(run, "c")
    wait_until(lambda: lease_of(run, "c") > before)
    assert not heart.is_stopped()


def test_a_heart_notices_that_items_are_lost_and_forgets_it_with_them(heart: Heart) -> None:
    lost, next_ones = claim(heart._run, 2), claim(heart._run, 2)
    heart.hold(lost)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_jobitem SET token = token + 1 WHERE key IN ('a', 'b')")
    wait_until(heart.is_stopped)
    heart.hold(next_ones)
    assert not heart.is_stopped()


@pytest.mark.parametrize(
    "values", [{"status": "failed"}, {"cancel_requested_at": "2026-10-01T00:00:00Z"}], ids=["stopped", "cancelled"]
)
def test_a_heart_notices_for_good_that_its_run_is_over(heart: Heart, values: dict[str, str]) -> None:
    JobRun.objects.filter(pk=heart._run.pk).update(**values)
    wait_until(heart.is_stopped)
    heart.hold(claim(heart._run, 1))
    assert heart.is_stopped()


def test_an_item_comes_back_when_the_lease_of_a_silent_worker_really_ends(declare: Declare) -> None:
    @declare("silent", title="Silent")
    class Silent(Job):
        def keys(self) -> Sequence[str]:
            return ["a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])

    run = expand_run(begin("silent").pk)
    claim(run, 1)
    assert not work(run.pk)
    assert effects() == []
    assert counts(complete(run)) == (1, 1, 0, 0)
    assert (effects(), items(run)["a"].token, items(run)["a"].crashes) == (["a"], 2, 1)


def test_a_worker_that_wakes_late_writes_nothing(declare: Declare) -> None:
    """One worker pauses in a step beyond its lease, another does its items; the first one's outcome is lost."""
    asleep, wake = Event(), Event()

    @declare("late", title="Late")
    class Late(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b"]

        def steps(self) -> Sequence[Step]:
            return Step("outside", self.outside), Step("inside", self.inside, atomic=True)

        def outside(self, keys: Sequence[str], context: Context) -> None:
            if not asleep.is_set():
                asleep.set()
                assert wake.wait(_PATIENCE)
                context.note("a", by="the late one")

        def inside(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key)
                context.note(key, by=context.run.pk)

    run = begin("late")
    with elsewhere(lambda: work(run.pk)):
        assert asleep.wait(_PATIENCE)
        # Its heart stays silent, as that of a stopped process does.
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_jobitem SET token = token + 1")
        end_leases(run)
        complete(run)
        wake.set()
    run.refresh_from_db()
    assert sorted(effects()) == ["a", "b"]
    assert {item.result["by"] for item in items(run).values()} == {run.pk}
    assert (run.status, counts(run)) == ("succeeded", (2, 2, 0, 0))
