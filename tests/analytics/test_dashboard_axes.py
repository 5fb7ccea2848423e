"""Charts have every month and day on their axis, whether anything was earned or counted or not."""

import datetime as dt
import json
from typing import Any

import pytest
from django.urls import reverse

from analytics.admin.drawing import draw
from analytics.models import slot_of
from analytics.registry import Chart, Content, Scope, Series, find_card, find_revenue_source
from analytics.services.rollups import refresh_days, refresh_revenue
from analytics.services.snapshots import take_snapshots
from common.clock import Month, now
from tests.analytics.sources import Provider, declared
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
THIS = Month.of(now())
TODAY = now().date()


def _make(name: str, first: dt.date, last: dt.date) -> Content:
    card = find_card(name)
    assert card is not None
    return card.make(Scope(first, last))


def _add_up() -> None:
    source = find_revenue_source("onlyfans")
    assert source is not None
    refresh_revenue(source)


def _earn_with_gaps() -> None:
    creator = make_creator(make_organization())
    earn(creator, THIS.plus(-4), 1_000, net_cents=800)
    earn(creator, THIS.plus(-1), 500, net_cents=400)
    earn(make_creator(make_organization()), THIS.plus(-2), 70, currency="JPY")
    _add_up()


def test_months_without_earnings_are_on_the_axis_of_each_currency() -> None:
    _earn_with_gaps()

    content = _make("earnings-by-month", THIS.plus(-5).first_day, TODAY)

    months = [THIS.plus(-back) for back in range(5, -1, -1)]
    labels = [f"{month.first_day:%Y-%m}" for month in months]
    found: dict[str, Any] = {}
    for part in content.parts:
        assert part.chart is not None
        assert list(part.chart.labels) == labels
        found[part.title] = {series.label: list(series.values) for series in part.chart.series}
        assert [row[0].value for row in part.rows] == [month.first_day for month in reversed(months)]
        assert {cell.currency for row in part.rows for cell in row[1:3]} == {part.title}
    assert found == {"USD": {"Tips": [0, 1_000, 0, 0, 500, 0]}, "JPY": {"Tips": [0, 0, 0, 70, 0, 0]}}
    in_yen = [[cell.value for cell in row[1:]] for row in content.parts[1].rows]
    assert in_yen == [[None, None, 0], [None, None, 0], [70, 70, 1], *[[None, None, 0]] * 3]


def test_the_axis_ends_with_the_present_or_with_what_is_known_of_later_months() -> None:
    _earn_with_gaps()
    first, later = THIS.plus(-1).first_day, THIS.plus(8).last_day
    assert len(_make("creators-who-earn", first, later).parts[0].rows) == 2

    earn(make_creator(make_organization()), THIS.plus(3), 5)
    _add_up()
    (part, *_) = _make("creators-who-earn", first, later).parts
    assert [[cell.value for cell in row] for row in part.rows] == [
        [THIS.plus(3).first_day, 1, 5],
        [THIS.plus(2).first_day, 0, None],
        [THIS.plus(1).first_day, 0, None],
        [THIS.first_day, 0, None],
        [THIS.plus(-1).first_day, 1, 500],
    ]


def test_a_page_says_no_earnings_where_there_are_none_and_nothing_where_nothing_is_known() -> None:
    client, address = log_in("Read only"), reverse("admin:dashboard", args=["revenue"])
    assert "No earnings" not in client.get(address).content.decode()
    _earn_with_gaps()
    page = client.get(f"{address}?range=12m").content.decode()
    assert page.count("No earnings") == 10 + 11


@pytest.fixture
def provider() -> Provider:
    """A provider that was read today and three days ago."""
    provider, slot = Provider("onlyfans"), slot_of(now())
    with declared(provider):
        for days in (3, 0):
            provider.tell("ada", fans=100 - days)
            take_snapshots(provider.source, slot - dt.timedelta(days=days), "", "", now())
        refresh_days(provider.name, lambda: None)
    return provider


@pytest.mark.parametrize(
    ("name", "values", "rows"),
    [
        ("fans-by-day", [None, 97, None, None, 100], [[100, 3, 1], [None, None, 0], [None, None, 0], [97, 0, 1]]),
        ("fans-gained", [None, 0, None, None, 3], [[3], [None], [None], [0]]),
    ],
)
def test_days_that_were_not_counted_are_gaps(
    provider: Provider, name: str, values: list[int | None], rows: list[list[int | None]]
) -> None:
    first = TODAY - dt.timedelta(days=4)
    with declared(provider):
        (part,) = _make(name, first, TODAY + dt.timedelta(days=9)).parts

    assert part.chart is not None
    assert list(part.chart.labels) == [str(first + dt.timedelta(days=place)) for place in range(5)]
    assert list(part.chart.series[0].values) == values
    assert [[cell.value for cell in row[1:]] for row in part.rows][:4] == rows
    assert [row[1].instead for row in part.rows if row[1].value is None] == ["Not counted"] * 3


def test_weeks_are_continuous_too(provider: Provider) -> None:
    first = TODAY - dt.timedelta(days=200)
    with declared(provider):
        (part,) = _make("fans-by-day", first, TODAY).parts

    days = [row[0].value for row in reversed(part.rows)]
    monday = first - dt.timedelta(days=first.weekday())
    assert days == [monday + dt.timedelta(weeks=place) for place in range(len(days))]
    assert monday + dt.timedelta(weeks=len(days)) > TODAY


def test_a_point_between_gaps_can_be_seen(provider: Provider) -> None:
    with declared(provider):
        answer = log_in("Read only").get(reverse("admin:dashboard", args=["fans"]) + "?range=7d")
    (drawing, *_) = [part.drawing for card in answer.context["cards"] for part in card.parts if part.drawing]
    (dataset,) = json.loads(drawing.data)["datasets"]
    assert json.loads(drawing.options)["scales"]["y"]["ticks"]["precision"] == 0
    assert (dataset["pointRadius"], dataset["data"].count(None)) == (2, 5)


def _drawn(page: str, card: str, days: str) -> tuple[list[str], dict[str, Any]]:
    """Return the labels and the datasets of a card's first chart, as the browser gets them."""
    answer = log_in("Read only").get(reverse("admin:dashboard", args=[page]) + f"?range={days}")
    (shown,) = [shown for shown in answer.context["cards"] if shown.card.name == card]
    data = json.loads(shown.parts[0].drawing.data)
    return data["labels"], {dataset["label"]: dataset for dataset in data["datasets"]}


def test_bars_do_not_fall_to_zero_in_the_month_that_is_not_over() -> None:
    _earn_with_gaps()
    for page, card, name in (
        ("revenue", "earnings-by-month", "Tips"),
        ("creators", "creators-who-earn", "Creators"),
    ):
        labels, drawn = _drawn(page, card, "12m")
        assert labels[-2:] == [f"{THIS.plus(-1).first_day:%Y-%m}", f"{THIS} so far"]
        assert drawn[name]["data"][-2:] == [{"Tips": "5.00", "Creators": "1"}[name], None]
        assert set(drawn[name]["data"][:7]) == {{"Tips": "0.00", "Creators": "0"}[name]}


def test_a_month_that_is_not_over_is_paler_where_something_was_earned() -> None:
    earn(make_creator(make_organization()), THIS, 300)
    _add_up()
    _, drawn = _drawn("revenue", "earnings-by-month", "12m")
    assert drawn["Tips"]["data"][-1] == "3.00"
    *whole, running = drawn["Tips"]["backgroundColor"]
    assert set(whole) == {"#7c3aed"}
    assert running == "#7c3aed66"


def test_a_line_ends_with_the_last_whole_day() -> None:
    series = [Series("Sent", [4, 7, 1]), Series("Replies", [None, 3, 0])]
    drawing = draw(Chart("line", ["Mon", "Tue", "Wed"], series, is_running=True))
    data = json.loads(drawing.data)
    assert data["labels"] == ["Mon", "Tue", "Wed so far"]
    assert [dataset["data"] for dataset in data["datasets"]] == [["4", "7", None], [None, "3", None]]


def test_what_is_over_ends_with_its_last_day() -> None:
    _earn_with_gaps()
    labels, drawn = _drawn("revenue", "earnings-by-month", "last")
    assert labels == [f"{THIS.plus(-1).first_day:%Y-%m}"]
    assert drawn["Tips"]["data"] == ["5.00"]
