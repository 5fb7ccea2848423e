"""Dashboards: what they show to whom, what they leave out, and what their files hold."""

import csv
import datetime as dt
import re
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from django.urls import reverse

from analytics.cards.revenue import share
from analytics.forms import find_days
from analytics.models import slot_of
from analytics.registry import find_revenue_source
from analytics.registry.cards import PAGES
from analytics.services.rollups import refresh_days, refresh_revenue
from analytics.services.snapshots import take_snapshots
from common.clock import Month, now
from onlyfans.models import CreatorAccount
from tests.analytics.sources import Provider, declared
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
THIS = Month.of(now())


def _page(name: str, query: str = "", group: str = "Finance") -> str:
    answer = log_in(group).get(reverse("admin:dashboard", args=[name]) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def _file(name: str, kind: str, query: str = "", group: str = "Finance") -> bytes:
    answer = log_in(group).get(reverse("admin:dashboard_export", args=[name, kind]) + query)
    assert answer.status_code == 200, answer.status_code
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{name}_')
    return answer.content


def _table(name: str, query: str = "") -> list[list[str]]:
    return list(csv.reader(StringIO(_file(name, "csv", query).decode("utf-8-sig"))))


def _add_up() -> None:
    source = find_revenue_source("onlyfans")
    assert source is not None
    refresh_revenue(source, compare=True)


@pytest.fixture
def creator() -> CreatorAccount:
    """A creator who earned in two months and two currencies, beside another one."""
    creator = make_creator(make_organization(name="Aurora Talent"), display_name="Ada Star")
    earn(creator, THIS, 123_456, "tips", net_cents=98_765)
    earn(creator, THIS, -3_456, "chargebacks", net_cents=-2_765)
    earn(creator, THIS.plus(-1), 5_000, "posts", currency="JPY")
    earn(make_creator(make_organization(name="=cmd|' /C calc'!A0")), THIS, 1_000)
    _add_up()
    return creator


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("group", ["Finance", "Operations", "Support", "Read only"])
def test_every_group_sees_every_page_even_where_there_is_nothing(name: str, group: str) -> None:
    assert "not added up yet" in _page(name, group=group)


def test_who_may_see_no_card_sees_no_page() -> None:
    client = log_in()

    assert client.get(reverse("admin:dashboard", args=["revenue"])).status_code == 403
    assert client.get(reverse("admin:dashboard_export", args=["earnings-by-month", "csv"])).status_code == 403


def test_who_is_not_staff_is_sent_to_the_door(client: object) -> None:
    from django.test import Client

    answer = Client().get(reverse("admin:dashboard_export", args=["earnings-by-month", "csv"]))
    assert answer.status_code == 302 and "/login/" in answer["Location"]


def test_exports_are_for_those_who_may(creator: CreatorAccount) -> None:
    address = reverse("admin:dashboard_export", args=["earnings-by-month", "csv"])

    assert address in _page("revenue")
    assert address not in _page("revenue", group="Support")
    assert log_in("Support").get(address).status_code == 403


@pytest.mark.parametrize(("name", "kind"), [("nothing", "csv"), ("earnings-by-month", "exe")])
def test_a_file_that_is_not_there_is_not_found(name: str, kind: str) -> None:
    assert log_in("Finance").get(reverse("admin:dashboard_export", args=[name, kind])).status_code == 404


def test_currencies_are_never_added_up_together(creator: CreatorAccount) -> None:
    head, *rows = _table("earnings-by-month")
    assert head == ["Month", "Gross", "Net", "Creators", "Currency"]
    assert [row for row in rows if row[1]] == [
        [str(THIS.first_day), "1210.00", "970.00", "2", "USD"],
        [str(THIS.plus(-1).first_day), "5000", "5000", "1", "JPY"],
    ]
    page = _page("revenue")
    assert "USD 1,210.00" in page and "JPY 5,000" in page


def test_an_organization_and_a_creator_are_filters(creator: CreatorAccount) -> None:
    for query in (
        f"?organization={creator.organization_id}",
        "?organization=aurora",
        "?creator=Ada+Star",
        f"?creator={creator.onlyfans_user_id}&organization={creator.organization_id}",
    ):
        assert _table("earnings-by-month", query)[1] == [str(THIS.first_day), "1200.00", "960.00", "1", "USD"], query


def test_categories_have_their_share(creator: CreatorAccount) -> None:
    rows = _table("earnings-by-category", f"?creator={creator.onlyfans_user_id}&range=month")

    assert rows[1:] == [
        ["Tips", "1234.56", "987.65", "102.9 %", "USD"],
        ["Chargebacks", "-34.56", "-27.65", "−2.9 %", "USD"],
    ]


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(1, 3, "33.3 %"), (-5, 1000, "−0.5 %"), (1, 0, "-"), (3, 3, "100.0 %")]
)
def test_a_share_is_exact_to_a_tenth_of_a_percent(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_no_name_becomes_a_formula(creator: CreatorAccount) -> None:
    names = [row[0] for row in _table("earnings-by-organization")]
    assert "'=cmd|' /C calc'!A0" in names and "=cmd|' /C calc'!A0" not in names

    with ZipFile(BytesIO(_file("earnings-by-organization", "xlsx"))) as book:
        sheet, texts = book.read("xl/worksheets/sheet1.xml").decode(), book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet and "=cmd|" in texts
    assert re.findall(r'<c r="B\d+"[^>]*><v>([^<]*)</v>', sheet) == ["1", "5000", "1200.00", "10.00"]


def test_creators_are_ranked_and_lead_to_themselves(creator: CreatorAccount) -> None:
    assert _table("creators-by-earnings")[2][:4] == ["Ada Star", "Aurora Talent", "1200.00", "960.00"]
    page = _page("creators", "?range=12m")
    assert reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk]) in page
    assert f"?organization={creator.organization_id}&amp;range=12m" in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?organization=nobody", "There is no such organization."),
        ("?creator=nobody", "There is no such creator."),
        ("?creator=Creator", "Several begin so"),
        ("?range=custom", "Give the first day."),
        ("?range=custom&first=2026-02-30", "Enter a valid date."),
        ("?range=custom&first=2026-02-03&last=2026-02-01", "the earlier one first"),
        ("?range=custom&first=0001-01-01", "at most ten years"),
        ("?range=nonsense", "Select a valid choice"),
    ],
)
def test_a_filter_that_does_not_fit_is_said(query: str, said: str) -> None:
    organization = make_organization()
    for _ in range(2):
        make_creator(organization)

    assert said in (page := _page("revenue", query))
    assert "earnings-by-month" not in page
    export = reverse("admin:dashboard_export", args=["earnings-by-month", "csv"])
    answer = log_in("Finance").get(export + query)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/dashboards/revenue/")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("7d", "2026-11-16", "2026-11-22"),
        ("month", "2026-11-01", "2026-11-22"),
        ("last", "2026-10-01", "2026-10-31"),
        ("12m", "2025-12-01", "2026-11-22"),
        ("24m", "2024-12-01", "2026-11-22"),
        ("year", "2026-01-01", "2026-11-22"),
    ],
)
def test_a_preset_is_a_number_of_days(name: str, first: str, last: str) -> None:
    days = find_days(name, dt.date(2026, 11, 22))

    assert [str(day) for day in days] == [first, last]


@pytest.fixture
def provider() -> Provider:
    """A provider that was read in this slot and the one before, and added up."""
    organization = make_organization(name="Aurora Talent")
    provider = Provider()
    slot = slot_of(now())
    with declared(provider):
        for place in range(10):
            provider.tell("ada", organization.pk, fans=100 + place)
            provider.tell("bea", organization.pk, fans=5)
            if place == 9:
                provider.tell("ada", organization.pk, fans=9_000)
            take_snapshots(provider.source, slot - (9 - place) * dt.timedelta(hours=6), "", "", slot)
        refresh_days(provider.name, lambda: None)
    return provider


def test_fans_are_counted_day_by_day(provider: Provider) -> None:
    with declared(provider):
        rows, ranked = _table("fans-by-day", "?range=7d"), _table("creators-by-fans", "?range=7d")

    assert rows[0] == ["Source", "Day", "Fans", "Change", "Creators counted"]
    assert rows[1][0] == "Elsewhere" and rows[1][2] == "9005" and rows[1][4] == "2"
    assert sum(int(row[3]) for row in rows[1:] if row[3]) == 8_900
    assert [row[1:4] for row in ranked[1:]] == [["Ada", "Aurora Talent", "9000"], ["Bea", "Aurora Talent", "5"]]


def test_what_jumped_is_on_the_overview_and_in_the_list(provider: Provider) -> None:
    client = log_in("Read only")
    with declared(provider):
        page = client.get(reverse("admin:dashboard", args=["overview"])).content.decode()
        listed = client.get(reverse("admin:analytics_providersnapshot_changelist") + "?jumps=yes")
        (row,) = listed.context["cl"].result_list
        shown = client.get(reverse("admin:analytics_providersnapshot_change", args=[row.pk])).content.decode()

    assert "8,892" in page and "Fans" in page
    assert row.creator == "ada" and row.jumps["fans"] == {"change": 8_892, "usual": 1}
    assert "usually 1" in shown


def test_a_jump_is_an_incident(provider: Provider) -> None:
    from analytics.checks import find_jumps

    with declared(provider):
        (finding,) = find_jumps()

    assert (finding.scope, finding.count) == ("elsewhere", 1)


def test_nobody_changes_a_snapshot(provider: Provider) -> None:
    client = log_in(superuser=True)
    address = reverse("admin:analytics_providersnapshot_changelist")

    assert client.get(address + "add/").status_code == 403
    assert make_staff("Finance").has_perm("analytics.view_providersnapshot")
