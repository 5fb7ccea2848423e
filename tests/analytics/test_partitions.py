"""Months get their tables ahead, strays move into theirs, and what is no longer kept goes with its keys."""

import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from analytics.models import Event, NewEvent
from analytics.selectors.partitions import AHEAD, list_months, name_table, plan_partitions
from analytics.services.partitions import make_month
from analytics.services.recording import record_event, record_events
from common.clock import now
from jobs.models import JobRun
from tests.analytics.months import OLD, THIS, list_tables, record_in
from tests.jobs.spine import run_job


@pytest.mark.django_db
def test_a_new_database_has_this_month_and_the_next() -> None:
    assert list_months() == [THIS, THIS.plus(1)]
    assert plan_partitions(now()).make == (THIS.plus(2), THIS.plus(3))
    assert AHEAD == 3


@pytest.mark.django_db
def test_an_event_lies_in_the_table_of_its_month() -> None:
    record_in(THIS, "first instant")
    last = THIS.ends_at - dt.timedelta(microseconds=1)
    record_event(NewEvent(name="a", occurred_at=last, idempotency_key="last instant"))
    record_event(NewEvent(name="a", occurred_at=THIS.ends_at, idempotency_key="next"))
    record_event(NewEvent(name="a", occurred_at=THIS.plus(2).starts_at, idempotency_key="far"))
    assert list_tables() == {
        "first instant": name_table(THIS),
        "last instant": name_table(THIS),
        "next": name_table(THIS.plus(1)),
        "far": "analytics_event_default",
    }


@pytest.mark.django_db
def test_strays_move_into_the_table_of_their_month() -> None:
    event = record_in(OLD)
    before = Event.objects.values().get()
    record_event(NewEvent(name="a", occurred_at=OLD.plus(-1).starts_at, idempotency_key="other"))
    assert plan_partitions(now()).make[:2] == (OLD.plus(-1), OLD)
    assert make_month(OLD) == 1
    assert list_tables() == {"k": name_table(OLD), "other": "analytics_event_default"}
    assert Event.objects.values().get(idempotency_key="k") == before
    assert record_events([event]) == 0
    assert make_month(OLD) is None
    assert list_tables()["k"] == name_table(OLD)


@pytest.mark.django_db
@pytest.mark.parametrize("strays", [False, True])
def test_a_new_month_is_guarded_like_the_others(strays: bool) -> None:
    if strays:
        record_in(OLD, "stray")
    make_month(OLD)
    record_in(OLD)
    for table in (name_table(OLD), "analytics_event_default"):
        with connection.cursor() as cursor:
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table])
            assert {"analytics_event_stays", "analytics_events_stay"} <= {name for (name,) in cursor.fetchall()}
    with pytest.raises(IntegrityError, match="neither changed nor deleted"), transaction.atomic():
        Event.objects.filter(idempotency_key="k").delete()


@pytest.mark.django_db
def test_what_is_beyond_the_policy_waits_until_its_events_are_no_news(settings: Settings) -> None:
    settings.ANALYTICS_EVENT_MONTHS = 30
    for month in (OLD.plus(-2), OLD.plus(-1), OLD):
        make_month(month)
    record_in(OLD.plus(-1))
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


@pytest.mark.usefixtures("_months_as_before")
def test_the_job_makes_moves_drops_and_tells(settings: Settings) -> None:
    settings.ANALYTICS_EVENT_MONTHS = 24
    make_month(THIS.plus(-25))
    record_in(THIS.plus(-3), "stray")
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
    assert list_tables() == {"stray": name_table(THIS.plus(-3))}
    assert run_job("event-partitions").status == JobRun.Status.NOTHING_TO_DO
