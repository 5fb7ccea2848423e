"""A source that tells the same again and again can be seen by its figures."""

import datetime as dt

import pytest
from django.urls import reverse

from analytics.models import ProviderSnapshot
from analytics.registry import Reading, Scope, find_card
from analytics.selectors.snapshots import find_unchanged_since
from analytics.services.rollups import refresh_days
from analytics.services.snapshots import take_snapshots
from tests.analytics.sources import Provider, declared
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
FIRST = dt.datetime(2026, 10, 14, tzinfo=dt.UTC)
SLOT = dt.timedelta(hours=6)


@pytest.fixture
def provider() -> Provider:
    """A provider of whom seven slots were taken: its fans changed in the third, and the fifth could not be read."""
    provider = Provider()
    with declared(provider):
        for place, fans in enumerate([10, 10, 12, 12, None, 12, 12]):
            provider.tell("ada", fans=fans or 0)
            if fans is None:
                provider.readings["ada"] = Reading("ada", None, {}, error="It said nothing.")
            slot_at = FIRST + place * SLOT
            take_snapshots(provider.source, slot_at, "", "", slot_at)
        refresh_days(provider.name, lambda: None)
    return provider


def test_a_snapshot_knows_since_when_its_figures_are_the_same(provider: Provider) -> None:
    rows = ProviderSnapshot.objects.order_by("slot_at")

    found = [find_unchanged_since(row) for row in rows]

    third = FIRST + 2 * SLOT
    assert found == [None, FIRST, None, third, third, third, third]


def test_its_page_says_so(provider: Provider) -> None:
    client, rows = log_in("Read only"), list(ProviderSnapshot.objects.order_by("slot_at"))
    with declared(provider):
        pages = [
            client.get(reverse("admin:analytics_providersnapshot_change", args=[row.pk])).content.decode()
            for row in (rows[2], rows[6], rows[4])
        ]
    assert "Changed in this slot" in pages[0] and "Unchanged" not in pages[0]
    assert "Unchanged since 2026-10-14 12:00 UTC" in pages[1]
    assert "Unchanged" not in pages[2] and "Changed in this slot" not in pages[2]


def test_sources_name_the_day_of_their_last_change(provider: Provider) -> None:
    card = find_card("sources")
    assert card is not None
    silent = Provider("silent")
    with declared(provider, silent):
        (part,) = card.make(Scope(FIRST.date(), FIRST.date())).parts

    assert [(row[0].value, row[4].value, row[4].instead) for row in part.rows] == [
        ("Elsewhere", FIRST.date(), "Never"),
        ("Silent", None, "Never"),
    ]
