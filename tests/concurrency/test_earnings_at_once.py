"""Several calls that bring earnings of the same creators at once, and one that dies in the middle."""

import datetime as dt
import json
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from pytest_django import Settings

from accounts.models import AuditEntry
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, UnmatchedAggregate
from onlyfans.services.ingesting import attach_unmatched, correct_category
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import NOW, TOTAL, make_row, take_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SECRET = "cron-secret-of-these-tests"
CREATORS, THREADS, CALLS = 20, 4, 12
PATIENCE = 30.0
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def creators() -> list[CreatorAccount]:
    organization = make_organization()
    return [make_creator(organization, onlyfans_user_id=f"of_{place}") for place in range(CREATORS)]


@contextmanager
def threads(count: int) -> Iterator[Callable[..., Future[Any]]]:
    """Give what starts work in threads, each with a connection of its own, which it closes."""

    def guarded(work: Callable[..., Any], *args: Any) -> Any:
        try:
            return work(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        yield lambda work, *args: pool.submit(guarded, work, *args)


def post(rows: list[dict[str, Any]]) -> list[str]:
    """Send rows over HTTP; return their outcomes."""
    answer = Client().post(
        "/api/ingest/of-aggregates", json.dumps(rows), "application/json", headers={"x-cron-secret": SECRET}
    )
    assert answer.status_code == 200, answer.content
    return [one["outcome"] for one in answer.json()["outcomes"]]


def make_call(chance: random.Random, number: int) -> list[dict[str, Any]]:
    """Rows of all creators and of some strangers in any order; which is the newest is in their time."""
    users = [f"of_{place}" for place in range(CREATORS + 5)]
    chance.shuffle(users)
    at = (NOW + number * SECOND).isoformat()
    figures = {"month": "2026-10", "currency": "USD", "grossCents": number, "netCents": number, "receivedAt": at}
    return [{"userId": user, **figures} for user in users]


def test_overlapping_calls_neither_wait_for_each_other_forever_nor_lose_a_version(
    creators: list[CreatorAccount], settings: Settings
) -> None:
    settings.CRON_SECRETS = (SECRET,)
    chance = random.Random(2026)
    calls = [make_call(chance, number) for number in range(1, CALLS + 1)]
    chance.shuffle(calls)
    start = threading.Barrier(THREADS)

    def work(mine: list[list[dict[str, Any]]]) -> None:
        start.wait(PATIENCE)
        for call in mine:
            post(call)

    with threads(THREADS) as submit:
        for done in [submit(work, calls[place::THREADS]) for place in range(THREADS)]:
            done.result(PATIENCE)
    standing = EarningsAggregate.objects.values_list("gross_cents", "revision__received_at")
    assert set(standing) == {(CALLS, NOW + CALLS * SECOND)}
    assert EarningsAggregate.objects.count() == CREATORS
    assert EarningsRevision.objects.count() == CREATORS * CALLS
    assert UnmatchedAggregate.objects.count() == 5 * CALLS
    assert AuditEntry.objects.filter(verb="ingest").count() == CALLS


def write_in_this_order(ids: list[int], meet: threading.Barrier) -> None:
    """What ingestion would be without its order: a transaction that writes rows as they come."""
    with transaction.atomic():
        EarningsAggregate.objects.filter(creator=ids[0]).update(gross_cents=1)
        meet.wait(PATIENCE)
        EarningsAggregate.objects.filter(creator=ids[1]).update(gross_cents=1)


def test_without_an_order_two_calls_would_wait_for_each_other(creators: list[CreatorAccount]) -> None:
    """The control: of two that write the same two creators in opposite orders, the database must end one."""
    take_in(make_row("of_0"), make_row("of_1"))
    ids, meet = [creators[0].pk, creators[1].pk], threading.Barrier(2)
    with threads(2) as submit:
        running = [submit(write_in_this_order, order, meet) for order in (ids, ids[::-1])]
        ends = [one.exception(PATIENCE) for one in running]
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "OperationalError"]
    assert "deadlock" in str(next(end for end in ends if end))


def choose_without_lock(cents: int, at: dt.datetime, meet: threading.Barrier, after: threading.Event) -> None:
    """What ingestion would be without its lock: look what stands, decide, write."""
    with transaction.atomic():
        row = EarningsAggregate.objects.get(creator__onlyfans_user_id="of_0")
        wins = at > row.received_at
        meet.wait(PATIENCE)
        after.wait(PATIENCE)
        if wins:
            EarningsAggregate.objects.filter(pk=row.pk).update(gross_cents=cents, received_at=at)


def test_without_a_lock_the_older_of_two_would_win(creators: list[CreatorAccount]) -> None:
    """The control: both see the same, both decide to write, and the older is the slower."""
    take_in(make_row("of_0"))
    meet, at_once, later = threading.Barrier(2), threading.Event(), threading.Event()
    at_once.set()
    with threads(2) as submit:
        newer = submit(choose_without_lock, 20, NOW + 2 * SECOND, meet, at_once)
        older = submit(choose_without_lock, 10, NOW + SECOND, meet, later)
        newer.result(PATIENCE)
        later.set()
        older.result(PATIENCE)
    assert EarningsAggregate.objects.get().gross_cents == 10


def wait_until_blocked(pid: int) -> None:
    """Wait until a session of the database waits for a lock."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
            if cursor.fetchone()[0]:
                return


def get_session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_the_older_of_two_waits_for_the_newer_and_is_stale(creators: list[CreatorAccount]) -> None:
    session: Future[int] = Future()

    def bring_older() -> list[str]:
        session.set_result(get_session())
        return take_in(make_row("of_0", cents=10, received_at=NOW + SECOND))

    with threads(1) as submit:
        with transaction.atomic():
            take_in(make_row("of_0", cents=20, received_at=NOW + 2 * SECOND))
            older = submit(bring_older)
            wait_until_blocked(session.result(PATIENCE))
        assert older.result(PATIENCE) == ["stale"]
    assert EarningsAggregate.objects.get().gross_cents == 20


def test_a_call_that_dies_between_its_writes_leaves_nothing_and_is_repeated_whole(
    creators: list[CreatorAccount], settings: Settings
) -> None:
    """Its session is ended when the versions are written and what stands is not: held up at a row of that."""
    settings.CRON_SECRETS = (SECRET,)
    take_in(make_row("of_0", cents=5, received_at=NOW))
    rows = make_call(random.Random(1), 7)
    session: Future[int] = Future()

    def bring() -> Any:
        session.set_result(get_session())
        answer = Client(raise_request_exception=False).post(
            "/api/ingest/of-aggregates", json.dumps(rows), "application/json", headers={"x-cron-secret": SECRET}
        )
        return answer.status_code

    with threads(1) as submit, transaction.atomic():
        EarningsAggregate.objects.select_for_update().get()
        call = submit(bring)
        wait_until_blocked(session.result(PATIENCE))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [session.result()])
        assert call.result(PATIENCE) == 503
    assert (EarningsRevision.objects.count(), EarningsAggregate.objects.get().gross_cents) == (1, 5)
    assert not UnmatchedAggregate.objects.exists() and not AuditEntry.objects.exists()
    assert sorted(post(rows)) == ["created"] * (CREATORS - 1) + ["unmatched"] * 5 + ["updated"]
    assert set(post(rows)) == {"unchanged", "unmatched"}
    assert EarningsRevision.objects.count() == CREATORS + 1


def test_sweeps_calls_and_staff_at_once_come_to_one_end(creators: list[CreatorAccount], settings: Settings) -> None:
    """What waits is attached by two sweeps while calls go on and staff correct: each version is there once."""
    settings.CRON_SECRETS = (SECRET,)
    chance, organization = random.Random(7), make_organization()
    for number in range(1, 4):
        post(make_call(chance, number))
    for place in range(CREATORS, CREATORS + 5):
        make_creator(organization, onlyfans_user_id=f"of_{place}")
    start, later = threading.Barrier(4), NOW + dt.timedelta(days=1)

    def at_once(work: Callable[[], Any]) -> Any:
        start.wait(PATIENCE)
        return work()

    def correct() -> None:
        for one in creators:
            correct_category(one.pk, dt.date(2026, 10, 1), TOTAL, (99, 99), "USD", later)

    calls = [make_call(chance, number) for number in range(4, 8)]
    with threads(4) as submit:
        sweeps = [submit(at_once, lambda: attach_unmatched(later)) for _ in range(2)]
        others = [submit(at_once, work) for work in (correct, lambda: [post(call) for call in calls])]
        attached = sum(sweep.result(PATIENCE) for sweep in sweeps)
        for other in others:
            other.result(PATIENCE)
    assert attached == 5 * 3
    assert not UnmatchedAggregate.objects.exists()
    assert EarningsRevision.objects.count() == (CREATORS + 5) * 7 + CREATORS
    figures = dict(EarningsAggregate.objects.values_list("creator__onlyfans_user_id", "gross_cents"))
    assert figures == {f"of_{place}": 99 if place < CREATORS else 7 for place in range(CREATORS + 5)}
