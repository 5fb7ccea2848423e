"""What somebody may ask a dashboard for, and what is said where it does not fit."""

import csv
from io import StringIO

import pytest
from django.urls import reverse

from analytics.registry import find_revenue_source
from analytics.services.rollups import refresh_revenue
from common.clock import Month, now
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
THIS = Month.of(now())


def _table(name: str, query: str = "") -> list[list[str]]:
    """Add up, and read a card's file."""
    source = find_revenue_source("onlyfans")
    assert source is not None
    refresh_revenue(source, compare=True)
    answer = log_in("Finance").get(reverse("admin:dashboard_export", args=[name, "csv"]) + query)
    assert answer.status_code == 200
    return list(csv.reader(StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("days", ["first=9995-01-01&last=9999-12-31", "first=1999-12-31&last=2001-01-01"])
def test_days_at_the_ends_of_the_calendar_are_refused_in_words(days: str) -> None:
    client = log_in("Finance")
    page = client.get(reverse("admin:dashboard", args=["overview"]) + f"?range=custom&{days}")
    file = client.get(reverse("admin:dashboard_export", args=["jumps", "csv"]) + f"?range=custom&{days}")

    assert (page.status_code, file.status_code) == (200, 302)
    assert "between 2000 and 2100, the earlier one first" in page.content.decode()
    assert "These days, and as many before" not in page.content.decode()


def test_whose_id_it_is_is_meant_however_many_names_begin_so() -> None:
    organization = make_organization(id="42", name="Zenith")
    for place in range(9):
        make_creator(make_organization(name=f"42 houses {place}"), display_name=f"77 stars {place}")
    earn(make_creator(organization, display_name="Zoe", onlyfans_user_id="77"), THIS, 1_234)

    assert _table("creators-by-earnings", "?organization=42&creator=77")[1][:3] == ["Zoe", "Zenith", "12.34"]


def test_an_average_that_is_unknown_is_still_in_a_currency() -> None:
    earn(make_creator(make_organization()), THIS, 0, "tips", net_cents=0)

    assert _table("creators-who-earn", "?range=month")[1:] == [[str(THIS.first_day), "0", "", "USD"]]
