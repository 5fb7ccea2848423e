"""Months of the event log, and what is recorded in them."""

from django.db import connection

from analytics.models import NewEvent
from analytics.services.recording import record_event
from common.clock import Month, now
from tests.factories.billing import make_organization

THIS = Month.of(now())
OLD = THIS.plus(-30)


def record_in(month: Month, key: str = "k") -> NewEvent:
    """Record an event of a month."""
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


def list_tables() -> dict[str, str]:
    """Which table each event is in, by its key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT idempotency_key, tableoid::regclass::text FROM analytics_event")
        return dict(cursor.fetchall())
