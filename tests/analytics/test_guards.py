"""The database keeps events and their keys as they were written, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from analytics.models import Event, EventKey, NewEvent
from analytics.selectors.partitions import name_table
from analytics.services.recording import record_event
from common.clock import Month, now

pytestmark = pytest.mark.django_db
THIS_MONTH = name_table(Month.of(now()))


def _event() -> NewEvent:
    return NewEvent(name="fan.joined", occurred_at=now(), idempotency_key="k")


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE analytics_event SET name = 'other'",
        "DELETE FROM analytics_event",
        "DELETE FROM {month}",
    ],
)
def test_the_database_refuses_changes(statement: str) -> None:
    record_event(_event())
    with pytest.raises(IntegrityError, match="neither changed nor deleted"), transaction.atomic():
        _run(statement.format(month=THIS_MONTH))
    assert Event.objects.get().name == "fan.joined"


@pytest.mark.parametrize("table", ["analytics_event", "analytics_event_default", THIS_MONTH])
def test_the_database_refuses_to_be_emptied(table: str) -> None:
    record_event(_event())
    with pytest.raises(IntegrityError, match="only months of them by policy"), transaction.atomic():
        _run(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table}")
    assert Event.objects.count() == 1


_AS_IF_DROPPING = """
    DO $$ BEGIN
        DELETE FROM analytics_eventkey; -- PL/pgSQL function analytics_drop_month(date) line 8
    END $$
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE analytics_eventkey SET event_id = 7",
        "DELETE FROM analytics_eventkey",
        "DELETE FROM analytics_eventkey WHERE false",
        "TRUNCATE analytics_eventkey",
        _AS_IF_DROPPING,
    ],
)
def test_the_database_refuses_changes_of_keys(statement: str) -> None:
    event = _event()
    record_event(event)
    before = EventKey.objects.values().get()
    with pytest.raises(IntegrityError, match="only with their month by policy"), transaction.atomic():
        _run(statement)
    assert EventKey.objects.values().get() == before
    assert not record_event(event)
