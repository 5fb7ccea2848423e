"""The floor of all work queues, tried with a queue of its own over the table of result files."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from common.errors import Misconfigured, NotYet, OutcomeUnknown, Permanent, Retryable
from onlyfans.models import ResultFile
from tests.factories.results import make_result
from workqueue.models import LeasedRow
from workqueue.retries import RetryPolicy
from workqueue.services import Bell, Outcome, WorkQueue, requeue

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)


class Trial(WorkQueue[ResultFile]):
    """A queue that does to each row what the test says."""

    name, title, model = "trial", "Trial", ResultFile
    bell = Bell("nobody.listens", "nowhere")
    policy = RetryPolicy(attempts=3, base_seconds=60, longest_seconds=90)
    batch_size = 2
    lease_seconds = 60.0

    def __init__(self, do: Callable[[ResultFile], Any] = lambda row: None) -> None:
        self.do = do

    def process(self, row: ResultFile) -> Outcome[ResultFile]:
        """Do it; what it returns is what the row brought."""
        return Outcome(row, ResultFile.Status.DONE, values={"brought": {"note": self.do(row)}})


def wait_for_work(**fields: Any) -> ResultFile:
    return make_result("waiting", **fields)


def now_as(row: ResultFile) -> ResultFile:
    return ResultFile.objects.get(pk=row.pk)


def abandon(row: ResultFile, **fields: Any) -> None:
    ResultFile.objects.filter(pk=row.pk).update(
        status="working", lease_expires_at=timezone.now() - dt.timedelta(seconds=1), **fields
    )


def raising(error: Exception) -> Callable[[ResultFile], Any]:
    def do(row: ResultFile) -> Any:
        raise error

    return do


def test_what_is_due_is_worked_off_and_what_is_not_stays() -> None:
    first, second, later = wait_for_work(), wait_for_work(), wait_for_work(not_before=timezone.now() + HOUR)
    done = make_result("dead", error="Before.")
    assert Trial(lambda row: f"Read {row.pk}").work() == 2
    for row in (first, second):
        assert (now_as(row).status, now_as(row).attempts, now_as(row).brought) == (
            "done",
            1,
            {"note": f"Read {row.pk}"},
        )
        assert now_as(row).finished_at is not None and now_as(row).lease_expires_at is None
    assert [now_as(row).status for row in (later, done)] == ["waiting", "dead"]


@pytest.mark.parametrize(
    ("error", "status", "attempts", "least", "most"),
    [
        (Retryable("Later."), "waiting", 1, 30, 60),
        (Retryable("Later.", retry_after=300), "waiting", 1, 299, 301),
        (OutcomeUnknown("Nobody knows."), "waiting", 1, 30, 60),
        (NotYet("Not my turn.", retry_after=5), "waiting", 0, 4, 6),
        (Misconfigured("No bucket."), "waiting", 0, 30, 60),
        (Permanent("It is gone."), "dead", 1, None, None),
        (ZeroDivisionError("by zero"), "waiting", 1, 30, 60),
    ],
)
def test_an_error_says_by_its_kind_what_becomes_of_a_row(
    error: Exception, status: str, attempts: int, least: float | None, most: float | None
) -> None:
    row, before = wait_for_work(), timezone.now()
    Trial(raising(error)).work()
    after = now_as(row)
    said = getattr(error, "message", "Unforeseen ZeroDivisionError: by zero")
    assert (after.status, after.attempts, after.error) == (status, attempts, said)
    if least is None or most is None:
        assert (after.not_before, after.finished_at is not None) == (None, True)
    else:
        assert after.not_before is not None and after.finished_at is None
        assert least - 1 <= (after.not_before - before).total_seconds() <= most + 5


def test_the_last_attempt_in_vain_is_a_dead_letter() -> None:
    row = wait_for_work(attempts=2)
    assert Trial(raising(Retryable("Again in vain."))).work() == 1
    assert (now_as(row).status, now_as(row).attempts, now_as(row).error) == ("dead", 3, "Again in vain.")


def test_pauses_double_up_to_the_longest() -> None:
    policy = RetryPolicy(attempts=9, base_seconds=2, longest_seconds=10)
    for attempts, longest in ((0, 2), (1, 2), (2, 4), (3, 8), (4, 10), (8, 10)):
        pauses = [policy.find_pause(Retryable("x"), attempts) for _ in range(50)]
        seconds = [pause.total_seconds() for pause in pauses if pause]
        assert (len(seconds), longest / 2 <= min(seconds), max(seconds) <= longest) == (50, True, True)
    assert policy.find_pause(Retryable("x"), 9) is None


def test_two_claim_different_rows() -> None:
    rows = [wait_for_work() for _ in range(4)]
    queue, claimed, both = Trial(), list[list[int]](), threading.Barrier(2)

    def claim() -> None:
        try:
            with transaction.atomic():
                mine = queue.claim(2)
                both.wait(10)
            claimed.append([row.pk for row in mine])
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed[0] + claimed[1]) == [row.pk for row in rows]
    assert queue.claim(2) == []


def test_who_wakes_up_late_writes_and_keeps_nothing() -> None:
    row = wait_for_work()
    queue = Trial()
    (late,) = queue.claim(1)
    abandon(row)
    (other,) = queue.claim(1)
    assert (other.token, late.token) == (2, 1)
    assert queue.keep([late]) == []
    with transaction.atomic():
        assert (queue.hold([other]), queue.hold([late])) == ([other], [])
    assert queue.write([Outcome(late, "done", values={"brought": {"note": "late"}})]) == 0
    assert (now_as(row).status, now_as(row).brought) == ("working", {})
    assert queue.write([Outcome(other, "done", values={"brought": {"note": "in time"}})]) == 1
    assert now_as(row).brought == {"note": "in time"}


def test_without_the_token_the_late_one_would_write() -> None:
    """The control of the test above: that which keeps it out is the token, and nothing else."""
    row = wait_for_work()
    queue = Trial()
    (late,) = queue.claim(1)
    abandon(row)
    (other,) = queue.claim(1)
    late.token = other.token
    assert queue.write([Outcome(late, "done", values={"brought": {"note": "late"}})]) == 1


def test_who_asks_for_it_again_takes_it_from_a_holder_whose_lease_has_ended() -> None:
    row = wait_for_work()
    queue = Trial()
    (late,) = queue.claim(1)
    assert requeue(ResultFile.objects.all()) == []
    abandon(row)
    assert [one.pk for one in requeue(ResultFile.objects.all())] == [row.pk]
    assert queue.write([Outcome(late, "done")]) == 0
    assert (now_as(row).status, now_as(row).attempts) == ("waiting", 0)


def test_a_row_that_kills_its_worker_is_claimed_alone_and_then_dead() -> None:
    killer, other = wait_for_work(), wait_for_work()
    queue = Trial()
    assert len(queue.claim(2)) == 2
    for row in (killer, other):
        abandon(row)
    assert [row.pk for row in queue.claim(2)] == [killer.pk]
    abandon(killer)
    abandon(other, attempts=1)
    assert [row.pk for row in queue.claim(2)] == [killer.pk]
    abandon(killer)
    assert now_as(killer).attempts == 3
    assert queue.bury() == 1
    assert (now_as(killer).status, now_as(killer).error) == ("dead", "Every worker that took it crashed.")
    assert queue.work() == 1
    assert now_as(other).status == "done"


def test_the_lease_is_kept_while_work_takes_longer_than_it() -> None:
    row = wait_for_work()
    queue = Trial()
    queue.lease_seconds = 0.3
    renewed = threading.Event()
    keep = queue.keep

    def notice(rows: Any) -> list[ResultFile]:
        kept = keep(rows)
        renewed.set()
        return kept

    queue.keep = notice  # type: ignore[method-assign]  # to see when it was called
    queue.do = lambda row: renewed.wait(10)
    assert queue.work() == 1
    assert (now_as(row).status, now_as(row).brought) == ("done", {"note": True})


class Choosy(Trial):
    """A queue with an order and a condition of its own, taken in the claiming statement."""

    def list_rows(self, ids: Any = None) -> QuerySet[ResultFile]:
        """The largest first, and nothing that is too large."""
        return super().list_rows(ids).filter(size__lt=1_000).order_by("-size")

    def find_pause(self, row: ResultFile, error: Any, attempts: int) -> float | None:
        """A pause of its own."""
        return 7.0


def test_a_queue_has_its_own_order_condition_and_pause() -> None:
    small, large, too_large = (wait_for_work(size=size) for size in (10, 500, 5_000))
    seen: list[int] = []
    queue = Choosy()
    assert [row.pk for row in queue.claim(1)] == [large.pk]
    abandon(large)

    def fail(row: ResultFile) -> Any:
        seen.append(row.pk)
        raise Retryable("Later.")

    queue.do = fail
    queue.work()
    assert seen == [large.pk, small.pk]
    after = now_as(small)
    assert after.not_before and 6 <= (after.not_before - timezone.now()).total_seconds() <= 7
    assert now_as(too_large).status == LeasedRow.WAITING
