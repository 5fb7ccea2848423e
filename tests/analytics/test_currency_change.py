"""A day on which a creator's currency changed."""

import datetime as dt

import pytest

from analytics.models import CreatorDay, MetricDay
from analytics.services.rollups import refresh_days
from analytics.services.snapshots import take_snapshots
from tests.analytics.sources import Provider, declared

pytestmark = pytest.mark.django_db
SLOT = dt.datetime(2026, 10, 14, 6, tzinfo=dt.UTC)


def test_amounts_of_a_day_on_which_the_currency_changed_are_not_added_up() -> None:
    provider = Provider()
    slots = [SLOT + place * dt.timedelta(hours=6) for place in (-2, -1, 0, 1)]
    readings = [("USD", 100, 5), ("USD", 700, 6), ("EUR", 50, 8), ("EUR", 60, 9)]
    with declared(provider):
        for slot_at, (currency, earned, fans) in zip(slots, readings, strict=True):
            provider.tell("ada", currency=currency, earned_cents=earned, fans=fans)
            take_snapshots(provider.source, slot_at, "", "", slot_at + dt.timedelta(minutes=1))
        refresh_days(provider.name, lambda: None)

    days = CreatorDay.objects.filter(day=SLOT.date()).values_list("currency", "closing", "change")
    assert list(days) == [("EUR", {"earned_cents": 60, "fans": 9}, {"earned_cents": 10, "fans": 4})]
    totals = MetricDay.objects.filter(day=SLOT.date(), is_total=True, metric="earned_cents")
    assert list(totals.values_list("currency", "closing", "change")) == [("EUR", 60, 10)]
