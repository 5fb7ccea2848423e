"""A month that is dropped goes with its keys, and leaves nothing that would keep an event from being recorded again."""

from threading import Event as Signal
from threading import Thread

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import Settings

from analytics.models import Event, EventKey, NewEvent
from analytics.selectors.partitions import STAYS_AFTER_RECORDING, list_months, name_table
from analytics.services.partitions import drop_month, make_month
from analytics.services.recording import record_event
from common.clock import now
from jobs.services import expand_run
from tests.analytics.months import OLD, THIS, list_tables, record_in
from tests.analytics.waiting import until_somebody_waits
from tests.jobs.spine import begin, complete


@pytest.mark.django_db
def test_a_dropped_month_is_gone_with_its_keys() -> None:
    make_month(OLD)
    record_in(OLD, "old")
    record_in(THIS, "new")
    assert drop_month(OLD) == 1
    assert drop_month(OLD) is None
    assert list_months() == [THIS, THIS.plus(1)]
    assert Event.objects.get().idempotency_key == "new"
    assert EventKey.objects.count() == 1
    assert record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="old"))
    assert not record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="new"))


@pytest.mark.usefixtures("_months_as_before")
def test_an_event_recorded_while_its_month_is_dropped_leaves_no_key_behind() -> None:
    make_month(OLD)
    event = NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="k")
    recorded = Signal()
    result: list[int | None] = []

    def drop() -> None:
        recorded.wait(10)
        try:
            result.append(drop_month(OLD))
        except OperationalError:
            # This thread was slow to let it go on: the job tries again.
            result.append(-1)
        finally:
            connection.close()

    dropper = Thread(target=drop)
    dropper.start()
    with transaction.atomic():
        record_event(event)
        recorded.set()
        until_somebody_waits(or_else=lambda: not dropper.is_alive())
    dropper.join()
    if result == [-1]:
        result = [drop_month(OLD)]

    assert result == [1]
    assert OLD not in list_months()
    assert not Event.objects.exists()
    assert not EventKey.objects.exists()


@pytest.mark.usefixtures("_months_as_before")
@pytest.mark.parametrize("looks_again", [True, False])
def test_an_event_recorded_after_the_plan_keeps_its_month(looks_again: bool) -> None:
    """The drop waits for somebody who is recording, and looks at what they recorded; otherwise it would be lost."""
    make_month(OLD)
    event = NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="k")
    assert OLD in list_months()
    recorded = Signal()
    result: list[int | None] = []

    def drop() -> None:
        recorded.wait(10)
        since = now() - STAYS_AFTER_RECORDING if looks_again else None
        for _ in range(10):
            try:
                result.append(drop_month(OLD, unless_recorded_since=since))
                break
            except OperationalError:
                # It waited too long for whoever records: the job tries again.
                continue
        connection.close()

    dropper = Thread(target=drop)
    dropper.start()
    with transaction.atomic():
        record_event(event)
        recorded.set()
        until_somebody_waits(or_else=lambda: not dropper.is_alive())
    dropper.join()
    if looks_again:
        assert (result, OLD in list_months(), Event.objects.get().idempotency_key) == ([None], True, "k")
        assert EventKey.objects.count() == 1
    else:
        assert (result, OLD in list_months(), Event.objects.exists()) == ([1], False, False)


@pytest.mark.usefixtures("_months_as_before")
def test_the_job_keeps_a_month_into_which_something_was_recorded_since_it_was_planned(settings: Settings) -> None:
    settings.ANALYTICS_EVENT_MONTHS = 24
    make_month(OLD)
    planned = expand_run(begin("event-partitions").pk)
    assert planned.items.filter(key=f"drop {OLD}").exists()
    record_in(OLD, "late")
    ended = complete(planned)
    assert (ended.summary["dropped"], ended.summary["kept_for_now"]) == ([], [str(OLD)])
    assert list_tables()["late"] == name_table(OLD)


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
