"""The event log in the admin: read by everybody in the groups, found by index, written by nobody."""

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Organization
from analytics.admin.paging import Place, find_page
from analytics.models import Event, NewEvent
from analytics.services.recording import record_events
from common.clock import now
from tests.factories.billing import make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
LIST = reverse("admin:analytics_event_changelist")
NOON = now().replace(hour=12, minute=0, second=0, microsecond=0)


def record(key: str = "k", **values: Any) -> Event:
    record_events([NewEvent(**{"name": "fan.joined", "occurred_at": NOON, "idempotency_key": key, **values})])
    return Event.objects.get(idempotency_key=key)


def shown(answer: Any) -> list[str]:
    """The keys of the events that a list shows, in its order."""
    return [event.idempotency_key for event in answer.context["cl"].result_list]


@pytest.fixture
def client() -> Client:
    return log_in("Support")


@pytest.mark.parametrize("group", ["Finance", "Operations", "Support", "Read only"])
def test_everybody_in_the_groups_may_look(group: str) -> None:
    event = record()
    client = log_in(group)
    assert shown(client.get(LIST)) == ["k"]
    assert client.get(reverse("admin:analytics_event_change", args=[event.pk])).status_code == 200
    assert "Event log" in client.get(LIST).text


def test_others_may_not() -> None:
    assert log_in().get(LIST).status_code == 403


@pytest.mark.parametrize("page", ["change", "delete"])
def test_nobody_changes_anything(page: str) -> None:
    event = record()
    answer = log_in(superuser=True).post(reverse(f"admin:analytics_event_{page}", args=[event.pk]), {"post": "yes"})
    assert answer.status_code == 403
    assert log_in(superuser=True).post(reverse("admin:analytics_event_add"), {}).status_code == 403
    assert Event.objects.get() == event


def test_the_page_tells_properties_line_by_line(client: Client) -> None:
    organization = make_organization(name="Studio <One>")
    event = record(
        organization_id=organization.pk,
        creator="ada",
        properties={
            "priceCents": 500,
            "on": True,
            "none": None,
            "text": "<b>bold</b>",
            "deep": {"a": [1, "x"], "e": {}},
            "rows": [{"id": 1}, {"id": 2}],
        },
    )
    page = client.get(reverse("admin:analytics_event_change", args=[event.pk])).text
    cells = re.findall(r'<td class="hz-key hz-wrap">(.*?)</td><td class="hz-wrap">(.*?)</td>', page)
    assert cells == sorted(
        [
            ("priceCents", "500"), ("on", "true"), ("none", "null"), ("text", "&lt;b&gt;bold&lt;/b&gt;"),
            ("deep.a", "1, x"), ("deep.e", "{}"), ("rows.1.id", "1"), ("rows.2.id", "2"),
        ]
    )  # fmt: skip
    assert reverse("admin:accounts_organization_change", args=[organization.pk]) in page
    assert "Studio &lt;One&gt;" in page and f"{LIST}?creator=ada" in page


def test_filters_keep_what_they_say(client: Client) -> None:
    one, two = make_organization(), make_organization()
    record("a", organization_id=one.pk, creator="ada", occurred_at=NOON - dt.timedelta(hours=2))
    record("b", organization_id=one.pk, name="fan.left", occurred_at=NOON - dt.timedelta(hours=1))
    record("c", organization_id=two.pk, creator="ada")
    at = {hours: f"{NOON - dt.timedelta(hours=hours):%Y-%m-%dT%H:%M}" for hours in (0, 1, 2)}
    for query, keys in (
        ({}, ["c", "b", "a"]),
        ({"organization__id__exact": one.pk}, ["b", "a"]),
        ({"organization__id__exact": one.pk, "name": "fan.left"}, ["b"]),
        ({"creator": "ada"}, ["c", "a"]),
        ({"creator": "ad"}, []),
        ({"name": "fan.left"}, ["b"]),
        ({"since": at[1]}, ["c", "b"]),
        ({"until": at[1]}, ["a"]),
        ({"since": at[2], "until": at[0], "name": "fan.joined"}, ["a"]),
        ({"since": "nonsense"}, []),
        ({"until": "0001-01-01T00:00+14:00"}, []),
        ({"q": "b"}, ["b"]),
        ({"q": str(Event.objects.get(idempotency_key="a").pk)}, ["a"]),
        ({"q": "nothing"}, []),
    ):
        answer = client.get(LIST, query)
        assert (answer.status_code, shown(answer)) == (200, keys), query


def test_names_of_late_are_offered_and_the_one_that_is_asked_for(client: Client) -> None:
    record("a", name="b.new")
    record("b", name="a.new")
    record("c", name="c.old", occurred_at=NOON - dt.timedelta(days=70))
    offered = {name: client.get(LIST, {"name": name}).text for name in ("", "c.old")}
    for name, page in offered.items():
        found = re.findall(r'<option value="([a-z.]+)"', page)
        assert found == ["a.new", "b.new", *([name] if name else [])]


def _fill(organization: Organization, events: int) -> list[str]:
    """Record events of which many happened at the same instant; return their keys, the newest first."""
    record_events(
        NewEvent(
            name="fan.joined",
            occurred_at=NOON - dt.timedelta(days=20 * (number // 40)),
            idempotency_key=f"k{number:03}",
            organization_id=organization.pk,
        )
        for number in range(events)
    )
    return list(Event.objects.values_list("idempotency_key", flat=True))


def test_pages_go_to_the_end_and_back_without_a_gap(client: Client) -> None:
    keys = _fill(make_organization(), 125)
    assert len(keys) == 125
    pages, address = [], LIST
    while address:
        answer = client.get(address)
        pages.append(shown(answer))
        paginator = answer.context["cl"].paginator
        address = LIST + paginator.older if paginator.older else ""
    assert [len(page) for page in pages] == [50, 50, 25]
    assert [key for page in pages for key in page] == keys
    back = client.get(LIST + paginator.newer)
    assert shown(back) == pages[1]
    first = client.get(LIST + back.context["cl"].paginator.newer)
    assert shown(first) == pages[0]
    assert first.context["cl"].paginator.newer == ""


def test_what_comes_meanwhile_shifts_no_page(client: Client) -> None:
    keys = _fill(make_organization(), 60)
    older = client.get(LIST).context["cl"].paginator.older
    record("later", occurred_at=NOON + dt.timedelta(minutes=1))
    assert shown(client.get(LIST + older)) == keys[50:]


def test_a_page_keeps_its_filters(client: Client) -> None:
    organization = make_organization()
    _fill(organization, 60)
    record("other", occurred_at=NOON + dt.timedelta(minutes=1))
    answer = client.get(LIST, {"organization__id__exact": organization.pk})
    older = answer.context["cl"].paginator.older
    assert f"organization__id__exact={organization.pk}" in older
    assert "other" not in shown(client.get(LIST + older))
    second = client.get(LIST + older)
    assert len(shown(second)) == 10
    assert set(second.context["cl"].filter_params) == {"organization__id__exact"}


@pytest.mark.parametrize(
    "place", ["", "x", "2026-11-20", "~5", "2026-11-20~x", "9999-12-31T23:59:59-23:00~1", f"{NOON}~{'9' * 19}"]
)
def test_a_page_that_is_nowhere_is_no_error(client: Client, place: str) -> None:
    record()
    for name in ("after", "before"):
        assert client.get(LIST, {name: place}).status_code == 200


def test_a_place_is_read_as_it_is_written() -> None:
    place = Place(dt.datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=dt.UTC), 8)
    assert Place.read(str(place)) == place


def test_nothing_is_counted_or_skipped(client: Client) -> None:
    _fill(make_organization(), 60)
    older = client.get(LIST).context["cl"].paginator.older
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(LIST + older)
    asked = [query["sql"] for query in queries if "analytics_event" in query["sql"]]
    assert len(asked) == 2
    assert not [sql for sql in asked if "COUNT(" in sql.upper() or "OFFSET" in sql.upper()]


def test_a_page_looks_into_the_months_that_it_may_lie_in() -> None:
    page = find_page(Event.objects.all(), 5, Place(NOON - dt.timedelta(days=400), 1), None)
    assert page.events == []
    plan = str(Event.objects.filter(occurred_at__lte=NOON - dt.timedelta(days=400)).explain())
    assert "analytics_event_default" in plan and f"analytics_event_{NOON:y%Ym%m}" not in plan
