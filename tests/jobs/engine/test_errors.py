"""The four kinds of error: later, never, nobody's fault, and nobody knows."""

import datetime as dt
from collections.abc import Sequence
from threading import Event

import pytest
from django.db import connection
from pytest_django import Settings

from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable, WorkError
from jobs.engine import work
from jobs.engine.context import Context
from jobs.models import JobItem
from jobs.registry import Job, Step
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, complete, counts, effects, elsewhere, items, run_job, statuses


class Failing(Job):
    """A job of “a”, “b”, “c” whose step `risky`, after one that is safe, fails for “b” as often as is said."""

    error: Exception
    times: int
    each: bool

    def keys(self) -> Sequence[str]:
        return list("abc")

    def steps(self) -> Sequence[Step]:
        risky = Step("risky", self.risky, atomic=not self.each, each=self.each)
        return Step("safe", self.safe), risky, Step("last", self.last)

    def safe(self, keys: Sequence[str], context: Context) -> None:
        for key in keys:
            act(key, "safe")

    def risky(self, keys: Sequence[str], context: Context) -> None:
        for key in keys:
            act(key, "risky")
        if "b" in keys and count_call() <= self.times:
            raise self.error

    def last(self, keys: Sequence[str], context: Context) -> None:
        for key in keys:
            act(key, "last")


def failing_job(declare: Declare, error: Exception, times: int = 1000, *, each: bool) -> None:
    """Declare a job that fails."""
    declare("failing", title="Failing")(type("OneFailing", (Failing,), {"error": error, "times": times, "each": each}))


def count_call() -> int:
    """Count on, where a transaction is rolled back too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('test_effect_calls')")
        return int(cursor.fetchone()[0])


@pytest.fixture(autouse=True)
def calls(transactional_db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP SEQUENCE IF EXISTS test_effect_calls")
        cursor.execute("CREATE SEQUENCE test_effect_calls")


def attempts_of(item: JobItem, step: str) -> list[tuple[str, str]]:
    return [(error["kind"], error["message"]) for error in item.steps[step]["errors"]]


@pytest.mark.parametrize("each", [False, True], ids=["set", "each"])
def test_what_may_heal_is_tried_again_and_keeps_its_history(declare: Declare, each: bool) -> None:
    # A batch is halved first: “abc”, then “bc”, then “b” alone, which is put off.
    failing_job(declare, Retryable("The line is busy."), times=2 if each else 4, each=each)
    run = run_job("failing")
    assert (run.status, counts(run)) == ("succeeded", (3, 3, 0, 0))
    item = items(run)["b"]
    risky = item.steps["risky"]
    assert risky["status"] == "done"
    assert risky["attempts"] == 3
    assert attempts_of(item, "risky") == [("retryable", "The line is busy.")] * 2
    assert (item.error, item.error_kind) == ("", "")
    # What was done before the failure was not done again, and nobody else was held up.
    assert effects("safe") == ["a", "b", "c"]
    assert sorted(effects("last")) == ["a", "b", "c"]
    assert effects("last")[-1] == "b"


@pytest.mark.parametrize("error", [Retryable("Busy."), OutcomeUnknown("No answer came.")], ids=["retryable", "unknown"])
def test_attempts_are_bounded(declare: Declare, error: WorkError) -> None:
    failing_job(declare, error, each=True)
    run = run_job("failing")
    item = items(run)["b"]
    assert (run.status, counts(run)) == ("partial", (3, 2, 0, 1))
    assert (item.status, item.step, item.error, item.error_kind) == ("failed", "risky", error.message, error.kind)
    # The test environment allows three attempts.
    assert (item.attempts, item.steps["risky"]["attempts"], item.steps["risky"]["status"]) == (3, 3, "failed")
    assert attempts_of(item, "risky") == [(error.kind, error.message)] * 3
    assert sorted(effects("last")) == ["a", "c"]


def test_pauses_grow_are_bounded_and_jittered(declare: Declare, settings: Settings) -> None:
    settings.JOBS_RETRY_BASE_SECONDS, settings.JOBS_RETRY_MAX_SECONDS, settings.JOBS_MAX_ATTEMPTS = 100, 300, 6
    failing_job(declare, Retryable("Busy."), each=True)
    run = begin("failing")
    pauses = []
    for _ in range(5):
        assert not work(run.pk)
        item = items(run)["b"]
        assert item.status == "pending" and item.not_before is not None
        pauses.append((item.not_before - dt.datetime.now(dt.UTC)).total_seconds())
        JobItem.objects.filter(pk=item.pk).update(not_before=None)
    for pause, ceiling in zip(pauses, [100, 200, 300, 300, 300], strict=True):
        assert ceiling / 2 - 5 < pause <= ceiling
    assert work(run.pk)
    assert items(run)["b"].status == "failed"


def test_the_pause_that_the_other_side_asked_for_is_kept(declare: Declare) -> None:
    failing_job(declare, Retryable("Slow down.", retry_after=1800), each=True)
    run = begin("failing")
    assert not work(run.pk)
    item = items(run)["b"]
    assert item.not_before is not None
    assert 1790 < (item.not_before - dt.datetime.now(dt.UTC)).total_seconds() <= 1800
    run.refresh_from_db()
    assert not run.has_work_now
    assert effects("risky").count("b") == 1


@pytest.mark.parametrize("each", [False, True], ids=["set", "each"])
def test_what_will_not_heal_fails_at_once_and_alone(declare: Declare, each: bool) -> None:
    failing_job(declare, Permanent("There is no address."), each=each)
    run = run_job("failing")
    item = items(run)["b"]
    assert (run.status, counts(run)) == ("partial", (3, 2, 0, 1))
    assert (item.status, item.step, item.error) == ("failed", "risky", "There is no address.")
    assert (item.error_kind, item.attempts) == ("permanent", 1)
    assert statuses(run) == {"a": "done", "b": "failed", "c": "done"}
    assert sorted(effects("last")) == ["a", "c"]


def test_what_nobody_foresaw_fails_readably(declare: Declare) -> None:
    failing_job(declare, KeyError("nonsense \x00\ud800"), each=True)
    item = items(run_job("failing"))["b"]
    assert (item.status, item.error_kind) == ("failed", "permanent")
    assert item.error == "Unforeseen KeyError: 'nonsense \\x00\\ud800'"


def test_a_message_that_no_database_can_hold_is_made_readable(declare: Declare) -> None:
    failing_job(declare, Permanent("odd \x00 \ud800 " + "x" * 5000), each=True)
    item = items(run_job("failing"))["b"]
    assert item.error.startswith("odd \N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER} xxx")
    assert len(item.error) == 2000


def test_a_set_up_that_is_broken_stops_the_run_and_blames_no_item(declare: Declare) -> None:
    failing_job(declare, Misconfigured("The key is not set."), each=False)
    run = run_job("failing")
    assert (run.status, run.error, counts(run)) == ("failed", "The key is not set.", (3, 0, 0, 0))
    assert run.missing == 3
    for item in items(run).values():
        assert (item.status, item.error, item.attempts, item.crashes) == ("pending", "", 0, 0)
        assert item.lease_expires_at is None
    assert effects("risky") == effects("last") == []


def test_a_set_up_that_is_broken_keeps_what_ended_before(declare: Declare) -> None:
    @declare("ending", title="Ending", batch_size=1)
    class Ending(Job):
        def keys(self) -> Sequence[str]:
            return list("abc")

        def process(self, keys: Sequence[str], context: Context) -> None:
            if keys == ["b"]:
                raise Misconfigured("The key is not set.")
            act(keys[0])

    run = run_job("ending")
    assert (run.status, counts(run)) == ("failed", (3, 1, 0, 0))
    assert statuses(run) == {"a": "done", "b": "pending", "c": "pending"}
    assert effects() == ["a"]


def test_a_run_that_one_worker_stopped_is_left_by_the_others(declare: Declare, settings: Settings) -> None:
    settings.JOBS_LEASE_SECONDS = 0.6
    in_step, stopped = Event(), Event()

    @declare("stopping", title="Stopping", batch_size=1)
    class Stopping(Job):
        def keys(self) -> Sequence[str]:
            return list("abcd")

        def steps(self) -> Sequence[Step]:
            return Step("first", self.first), Step("second", self.second)

        def first(self, keys: Sequence[str], context: Context) -> None:
            if keys == ["a"]:
                in_step.set()
                assert stopped.wait(20)
                while context._is_stopped() is False:
                    Event().wait(0.01)
            elif keys == ["b"]:
                raise Misconfigured("Broken.")

        def second(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])

    run = begin("stopping")
    with elsewhere(lambda: work(run.pk, wait=True)):
        assert in_step.wait(20)
        assert work(run.pk, wait=True)
        stopped.set()
    run.refresh_from_db()
    assert (run.status, run.error, counts(run)) == ("failed", "Broken.", (4, 0, 0, 0))
    assert set(statuses(run).values()) == {"pending"}
    assert effects() == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Permanent("There is no file."), "There is no file."),
        (Misconfigured("There is no bucket."), "There is no bucket."),
        (ZeroDivisionError("oh"), "Unforeseen ZeroDivisionError: oh"),
    ],
    ids=["permanent", "misconfigured", "unforeseen"],
)
def test_a_run_that_can_not_say_what_it_expects_fails(declare: Declare, error: Exception, said: str) -> None:
    @declare("unable", title="Unable")
    class Unable(Job):
        def keys(self) -> Sequence[str]:
            raise error

    run = complete(begin("unable"))
    assert (run.status, run.error, counts(run)) == ("failed", said, (0, 0, 0, 0))
    assert run.finished_at is not None


def test_a_run_that_can_not_yet_say_what_it_expects_waits_for_the_next_sweep(declare: Declare) -> None:
    @declare("not-yet", title="Not yet")
    class NotYet(Job):
        def keys(self) -> Sequence[str]:
            if not effects("asked"):
                with elsewhere(lambda: act("", "asked")):
                    pass
                raise Retryable("The list is not there yet.")
            return ["a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            act("a")

    run = begin("not-yet")
    with pytest.raises(Retryable):
        work(run.pk)
    run.refresh_from_db()
    assert (run.status, run.has_work_now) == ("queued", True)
    assert (complete(run).status, effects()) == ("succeeded", ["a"])


def test_a_database_that_interrupts_is_no_fault_of_the_item(declare: Declare) -> None:
    @declare("interrupted", title="Interrupted")
    class Interrupted(Job):
        def keys(self) -> Sequence[str]:
            return ["a"]

        def steps(self) -> Sequence[Step]:
            return (Step("write", self.write, atomic=True),)

        def write(self, keys: Sequence[str], context: Context) -> None:
            act("a")
            if not effects("interrupted"):
                with elsewhere(lambda: act("", "interrupted")):
                    pass
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL statement_timeout = 1")
                    cursor.execute("SELECT pg_sleep(10)")

    run = run_job("interrupted")
    assert (run.status, effects()) == ("succeeded", ["a"])
    errors = items(run)["a"].steps["write"]["errors"]
    assert [error["kind"] for error in errors] == ["retryable"]
    assert "canceling statement due to statement timeout" in errors[0]["message"]
