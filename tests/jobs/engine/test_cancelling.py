"""Cancelling: what waits is cancelled now, what is in hand ends before its next step, what is done stays done."""

import time
from collections.abc import Sequence
from threading import Event

import pytest
from pytest_django import Settings

from accounts.models import User
from jobs.engine import work
from jobs.engine.claims import claim
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job, Step
from jobs.services import cancel_run, expand_run, rerun
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, complete, counts, dismiss, effects, elsewhere, end_leases, run_job, statuses


@pytest.fixture(autouse=True)
def quick_ears(settings: Settings) -> None:
    """Let workers hear every fifth of a second whether they are to stop."""
    settings.JOBS_LEASE_SECONDS = 0.6


@pytest.fixture
def declared(declare: Declare) -> None:
    @declare("cancelled", title="Cancelled", batch_size=1)
    class Cancelled(Job):
        def keys(self) -> Sequence[str]:
            return list("abcd")

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])


def test_a_run_that_nobody_took_up_is_cancelled_at_once(declared: None) -> None:
    run = begin("cancelled")
    cancel_run(run, None)
    run.refresh_from_db()
    assert (run.status, run.error, counts(run)) == ("cancelled", "Cancelled.", (0, 0, 0, 0))
    assert run.finished_at is not None
    assert work(run.pk)
    assert (statuses(run), effects()) == ({}, [])


def test_what_waits_is_cancelled_at_once_and_says_by_whom_and_why(declared: None) -> None:
    person = User.objects.create(email="ops@example.test")
    run = expand_run(begin("cancelled").pk)
    try:
        cancel_run(run, person, "The wrong month.")
        run.refresh_from_db()
        assert (run.status, run.error, run.cancelled_by) == ("cancelled", "Cancelled: The wrong month.", person)
        assert set(statuses(run).values()) == {"cancelled"}
        assert counts(run) == (4, 0, 0, 0)
    finally:
        JobRun.objects.update(cancelled_by=None)
        dismiss(person)


def test_what_is_in_hand_ends_before_its_next_step(declare: Declare) -> None:
    in_step, cancelled = Event(), Event()

    @declare("in-hand", title="In hand", batch_size=2)
    class InHand(Job):
        def keys(self) -> Sequence[str]:
            return list("abcd")

        def steps(self) -> Sequence[Step]:
            return Step("first", self.first), Step("second", self.second)

        def first(self, keys: Sequence[str], context: Context) -> None:
            act(",".join(keys), "first")
            in_step.set()
            assert cancelled.wait(20)
            # The step is longer than it takes to hear of it.
            while not context._is_stopped():
                time.sleep(0.005)

        def second(self, keys: Sequence[str], context: Context) -> None:
            act(",".join(keys), "second")

    run = begin("in-hand")
    with elsewhere(lambda: work(run.pk, wait=True)):
        assert in_step.wait(20)
        cancel_run(run, None)
        run.refresh_from_db()
        assert run.status == "running"
        assert statuses(run) == {"a": "running", "b": "running", "c": "cancelled", "d": "cancelled"}
        cancelled.set()
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert set(statuses(run).values()) == {"cancelled"}
    assert (effects("first"), effects("second")) == (["a,b"], [])


def test_keys_in_threads_end_before_their_next_step(declare: Declare) -> None:
    in_step, cancelled = Event(), Event()

    @declare("in-threads", title="In threads")
    class InThreads(Job):
        def keys(self) -> Sequence[str]:
            return [f"{number:02}" for number in range(20)]

        def steps(self) -> Sequence[Step]:
            return Step("first", self.first, each=True), Step("second", self.second, each=True)

        def first(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0], "first")
            in_step.set()
            assert cancelled.wait(20)
            while not context._is_stopped():
                time.sleep(0.005)

        def second(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0], "second")

    run = begin("in-threads")
    with elsewhere(lambda: work(run.pk, wait=True)):
        assert in_step.wait(20)
        cancel_run(run, None)
        cancelled.set()
    run.refresh_from_db()
    assert run.status == "cancelled"
    # No more than there are threads had begun.
    assert len(effects("first")) <= 4
    assert effects("second") == []


def test_what_was_done_before_stays_done_and_counted(declare: Declare) -> None:
    @declare("half-way", title="Half way", batch_size=1)
    class HalfWay(Job):
        def keys(self) -> Sequence[str]:
            return list("abcd")

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])
            if keys == ["b"]:
                cancel_run(context.run, None, "Enough.")

    run = run_job("half-way")
    assert (run.status, counts(run)) == ("cancelled", (4, 2, 0, 0))
    assert statuses(run) == {"a": "done", "b": "done", "c": "cancelled", "d": "cancelled"}
    assert effects() == ["a", "b"]
    rest, _ = rerun(run, JobRun.Mode.MISSING, trigger="command", actor=None)
    assert counts(complete(rest)) == (2, 2, 0, 0)
    assert effects() == ["a", "b", "c", "d"]


def test_what_a_dead_worker_left_is_cancelled_too(declared: None) -> None:
    run = expand_run(begin("cancelled").pk)
    claim(run, 1)
    cancel_run(run, None)
    run.refresh_from_db()
    # Its worker may be alive: until the lease ends nobody can know.
    assert (run.status, run.has_work_now, statuses(run)["a"]) == ("running", False, "running")
    end_leases(run)
    assert run.has_work_now
    assert work(run.pk)
    run.refresh_from_db()
    assert run.status == "cancelled"
    assert set(statuses(run).values()) == {"cancelled"}
    assert effects() == []


def test_a_run_that_has_ended_can_not_be_cancelled(declared: None) -> None:
    run = run_job("cancelled")
    cancel_run(run, None)
    run.refresh_from_db()
    assert (run.status, run.error, run.cancel_requested_at) == ("succeeded", "", None)


def test_a_run_whose_job_nobody_declares_any_more_can_be_cancelled(declare: Declare, declared: None) -> None:
    from jobs import registry

    run = expand_run(begin("cancelled").pk)
    del registry._JOBS["cancelled"]
    cancel_run(run, None)
    run.refresh_from_db()
    assert run.status == "cancelled"
