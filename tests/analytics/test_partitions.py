"""Months get their tables ahead, strays move into theirs, and what is no longer kept goes with its keys."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Barrier, Thread
from threading import Event as Signal

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from pytest_django import Settings

from analytics.models import Event, EventKey, NewEvent
from analytics.selectors.partitions import AHEAD, list_months, name_table, plan_partitions
from analytics.services.partitions import drop_month, make_month
from analytics.services.recording import record_event, record_events
from common.clock import Month, now
from common.errors import Retryable
from jobs.models import JobRun
from tests.analytics.waiting import until_somebody_waits
from tests.factories.billing import make_organization
from tests.jobs.spine import run_job

THIS = Month.of(now())
OLD = THIS.plus(-30)


def _record(month: Month, key: str = "k") -> NewEvent:
    event = NewEvent(
        name="fan.joined",
        occurred_at=month.starts_at,
        idempotency_key=key,
        organization_id=make_organization().pk,
        properties={"month": str(month)},
    )
    assert record_event(event)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return event


def _tables() -> dict[str, str]:
    """Which table each event is in, by its key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT idempotency_key, tableoid::regclass::text FROM analytics_event")
        return dict(cursor.fetchall())


@pytest.mark.django_db
def test_a_new_database_has_this_month_and_the_next() -> None:
    assert list_months() == [THIS, THIS.plus(1)]
    assert plan_partitions(now()).make == (THIS.plus(2), THIS.plus(3))
    assert AHEAD == 3


@pytest.mark.django_db
def test_an_event_lies_in_the_table_of_its_month() -> None:
    _record(THIS, "first instant")
    last = THIS.ends_at - dt.timedelta(microseconds=1)
    record_event(NewEvent(name="a", occurred_at=last, idempotency_key="last instant"))
    record_event(NewEvent(name="a", occurred_at=THIS.ends_at, idempotency_key="next"))
    record_event(NewEvent(name="a", occurred_at=THIS.plus(2).starts_at, idempotency_key="far"))
    assert _tables() == {
        "first instant": name_table(THIS),
        "last instant": name_table(THIS),
        "next": name_table(THIS.plus(1)),
        "far": "analytics_event_default",
    }


@pytest.mark.django_db
def test_strays_move_into_the_table_of_their_month() -> None:
    event = _record(OLD)
    before = Event.objects.values().get()
    record_event(NewEvent(name="a", occurred_at=OLD.plus(-1).starts_at, idempotency_key="other"))
    assert plan_partitions(now()).make[:2] == (OLD.plus(-1), OLD)
    assert make_month(OLD) == 1
    assert _tables() == {"k": name_table(OLD), "other": "analytics_event_default"}
    assert Event.objects.values().get(idempotency_key="k") == before
    assert record_events([event]) == 0
    assert make_month(OLD) is None
    assert _tables()["k"] == name_table(OLD)


@pytest.mark.django_db
@pytest.mark.parametrize("strays", [False, True])
def test_a_new_month_is_guarded_like_the_others(strays: bool) -> None:
    if strays:
        _record(OLD, "stray")
    make_month(OLD)
    _record(OLD)
    for table in (name_table(OLD), "analytics_event_default"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table])
            assert {"analytics_event_stays", "analytics_events_stay"} <= {name for (name,) in cursor.fetchall()}
    with pytest.raises(IntegrityError, match="neither changed nor deleted"), transaction.atomic():
        Event.objects.filter(idempotency_key="k").delete()


@pytest.mark.django_db
def test_a_dropped_month_is_gone_with_its_keys() -> None:
    make_month(OLD)
    _record(OLD, "old")
    _record(THIS, "new")
    assert drop_month(OLD) == 1
    assert drop_month(OLD) is None
    assert list_months() == [THIS, THIS.plus(1)]
    assert Event.objects.get().idempotency_key == "new"
    assert EventKey.objects.count() == 1
    assert record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="old"))
    assert not record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="new"))


@pytest.mark.django_db
def test_what_is_beyond_the_policy_waits_until_its_events_are_no_news(settings: Settings) -> None:
    settings.ANALYTICS_EVENT_MONTHS = 30
    for month in (OLD.plus(-2), OLD.plus(-1), OLD):
        make_month(month)
    _record(OLD.plus(-1))
    plan = plan_partitions(now())
    assert (plan.drop, plan.kept_for_now) == ((OLD.plus(-2),), (OLD.plus(-1),))
    # The days until it is dropped pass, and perhaps the turn of a month with them.
    later = plan_partitions(now() + dt.timedelta(days=32))
    assert set(later.drop) >= {OLD.plus(-2), OLD.plus(-1)}
    assert later.kept_for_now == ()
    settings.ANALYTICS_EVENT_MONTHS = 0
    assert plan_partitions(now()).drop == ()


@pytest.mark.django_db
@pytest.mark.parametrize("instant", [dt.datetime(3, 1, 1, tzinfo=dt.UTC), dt.datetime(2999, 1, 1, tzinfo=dt.UTC)])
def test_nonsense_gets_no_table_of_its_own(instant: dt.datetime) -> None:
    record_event(NewEvent(name="a", occurred_at=instant, idempotency_key="k"))
    assert plan_partitions(now()).make == (THIS.plus(2), THIS.plus(3))


@pytest.fixture
def _months_as_before(transactional_db: None) -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        for month in set(list_months()) - {THIS, THIS.plus(1)}:
            cursor.execute(f"DROP TABLE {name_table(month)}")
        cursor.execute("DELETE FROM analytics_eventkey")


@pytest.mark.usefixtures("_months_as_before")
def test_the_job_makes_moves_drops_and_tells(settings: Settings) -> None:
    settings.ANALYTICS_EVENT_MONTHS = 24
    make_month(THIS.plus(-25))
    _record(THIS.plus(-3), "stray")
    run = run_job("event-partitions")
    assert run.status == JobRun.Status.SUCCEEDED
    assert run.summary == {
        "made": [str(THIS.plus(months)) for months in (-3, 2, 3)],
        "moved_events": 1,
        "dropped": [str(THIS.plus(-25))],
        "dropped_events": 0,
        "kept_for_now": [],
        "oldest_kept": str(THIS.plus(-24)),
        "there": f"{THIS.plus(-3)} to {THIS.plus(3)}",
    }
    assert _tables() == {"stray": name_table(THIS.plus(-3))}
    assert run_job("event-partitions").status == JobRun.Status.NOTHING_TO_DO


@pytest.mark.usefixtures("_months_as_before")
def test_a_month_is_made_while_others_record_into_it() -> None:
    written, going, over = [0, 0], Barrier(3), Signal()

    failures: list[Exception] = []

    def record(writer: int) -> None:
        try:
            going.wait(10)
            while not over.is_set():
                key = f"{writer}:{written[writer]}"
                record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key=key))
                written[writer] += 1
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    writers = [Thread(target=record, args=[writer]) for writer in range(2)]
    for writer in writers:
        writer.start()
    going.wait(10)
    try:
        made = _insist(lambda: make_month(OLD))
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert (failures, made is None) == ([], False)
    assert set(_tables().values()) <= {name_table(OLD)}
    assert len(_tables()) == sum(written)


def _insist(make: Callable[[], int | None]) -> int | None:
    """Try until nobody is in the way, as the job does."""
    for _ in range(200):
        with suppress(OperationalError, Retryable):
            return make()
    raise AssertionError("Somebody was always in the way")


@pytest.mark.usefixtures("_months_as_before")
def test_what_is_recorded_between_looking_and_attaching_makes_it_try_again() -> None:
    recorded = Signal()
    result: list[object] = []

    def make() -> None:
        recorded.wait(10)
        try:
            result.append(make_month(OLD))
        except (Retryable, OperationalError) as error:
            result.append(error)
        finally:
            connection.close()

    maker = Thread(target=make)
    maker.start()
    with transaction.atomic():
        record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="k"))
        recorded.set()
        until_somebody_waits(or_else=lambda: not maker.is_alive())
    maker.join()
    # The second where this thread was slow to let it go on.
    assert isinstance(result[0], Retryable | OperationalError)
    assert make_month(OLD) == 1
    assert _tables() == {"k": name_table(OLD)}


@pytest.mark.usefixtures("_months_as_before")
def test_nobody_waits_long_for_a_month_that_can_not_be_dropped() -> None:
    make_month(OLD)
    reading, over = Signal(), Signal()

    def read() -> None:
        with transaction.atomic():
            Event.objects.count()
            reading.set()
            over.wait(30)
        connection.close()

    reader = Thread(target=read)
    reader.start()
    try:
        assert reading.wait(10)
        with pytest.raises(OperationalError, match="lock timeout"):
            drop_month(OLD)
    finally:
        over.set()
        reader.join()
    assert OLD in list_months()
    assert drop_month(OLD) == 0
