"""Events of front ends: each is judged by itself, told once, and only of one's own organization."""

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as some
from pytest_django import Settings

from accounts.models import AuditEntry, Organization, User
from accounts.services.tokens import issue_tokens
from analytics.models import Event
from common.clock import Month, iso, now
from tests.analytics.telling import ADDRESS, JUST_NOW, event, refuse, tell
from tests.factories.billing import make_organization
from tests.factories.staff import PASSWORD, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    return make_organization()


@pytest.fixture
def member(organization: Organization) -> User:
    return User.objects.create_user("member@example.test", PASSWORD, organization=organization)


def test_records_what_a_member_tells(member: User, organization: Organization) -> None:
    told = event(creator="ada", provider="onlyfans", properties={"priceCents": 500, "ratio": 0.25, "on": [True, None]})
    status, answer = tell(member, told)
    assert answer.pop("timestamp").endswith("Z")
    outcome = {"idempotencyKey": "1", "outcome": "recorded", "fields": None}
    assert (status, answer) == (200, {"success": True, "recorded": 1, "known": 0, "refused": 0, "events": [outcome]})
    kept = Event.objects.get()
    assert (kept.name, iso(kept.occurred_at), kept.source) == ("message.opened", JUST_NOW, "api")
    assert (kept.organization_id, kept.creator, kept.provider) == (organization.pk, "ada", "onlyfans")
    assert kept.properties == {"priceCents": 500, "ratio": 0.25, "on": [True, None]}
    assert kept.idempotency_key == f"api/{organization.pk}/1"


def test_each_event_is_judged_by_itself(member: User) -> None:
    status, answer = tell(
        member, event(), event(idempotencyKey="2", name="no spaces"), event(), 7, event(idempotencyKey="3")
    )
    assert (status, answer["recorded"], answer["known"], answer["refused"]) == (200, 2, 1, 2)
    assert [(one["idempotencyKey"], one["outcome"]) for one in answer["events"]] == [
        ("1", "recorded"), ("2", "refused"), ("1", "known"), (None, "refused"), ("3", "recorded"),
    ]  # fmt: skip
    assert list(answer["events"][1]["fields"]) == ["name"]
    assert answer["events"][3]["fields"] == {"event": ["Send a JSON object."]}
    assert Event.objects.count() == 2


def test_a_repeat_is_known_and_changes_nothing(member: User) -> None:
    tell(member, event())
    before = Event.objects.values().get()
    later = iso(now() - dt.timedelta(seconds=5))
    assert tell(member, event(name="other", occurredAt=later))[1]["known"] == 1
    assert Event.objects.values().get() == before


def test_a_batch_leaves_one_audit_entry_and_a_repeat_none(member: User, organization: Organization) -> None:
    before = AuditEntry.objects.count()
    tell(member, *(event(idempotencyKey=str(number)) for number in range(5)), event(idempotencyKey=""))
    (entry,) = AuditEntry.objects.order_by("pk")[before:]
    assert (entry.verb, entry.actor, entry.object_id, entry.door) == ("record-events", member, organization.pk, "api")
    assert entry.after == {"events": 5, "of": [organization.pk]}
    tell(member, event())
    tell(member, event(name=""))
    assert AuditEntry.objects.count() == before + 1


def test_keys_of_organizations_do_not_meet(member: User) -> None:
    other = User.objects.create_user("other@example.test", PASSWORD, organization=make_organization())
    assert [tell(user, event())[1]["recorded"] for user in (member, other)] == [1, 1]


def test_nobody_takes_a_key_of_an_organization_whose_id_begins_like_theirs() -> None:
    users = [
        User.objects.create_user(f"{place}@example.test", PASSWORD, organization=make_organization(id=id_))
        for place, id_ in enumerate(["north", "north/east"])
    ]
    outcomes = [
        tell(user, event(idempotencyKey=key))[1]["recorded"] for user, key in zip(users, ["east/1", "1"], strict=True)
    ]
    assert outcomes == [1, 1]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "n" * 81}, "name"),
        ({"idempotencyKey": "k" * 129}, "idempotencyKey"),
        ({"creator": "c" * 65}, "creator"),
        ({"provider": "p" * 33}, "provider"),
        ({"occurredAt": "2026-11-01T00:00:00"}, "occurredAt"),
        ({"occurredAt": "0001-01-01T00:00:00+14:00"}, "occurredAt"),
        ({"properties": ["a"]}, "properties"),
        ({"properties": {"text": "x" * 8_190}}, "properties"),
        ({"properties": {"1": {"2": {"3": {"4": {"5": {"6": 6}}}}}}}, "properties"),
        ({"source": "billing"}, "source"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(member: User, values: dict[str, Any], field: str) -> None:
    assert list(refuse(member, **values)) == [field]


def test_the_window_goes_from_the_oldest_kept_month_to_an_hour_ahead(member: User, settings: Settings) -> None:
    settings.ANALYTICS_EVENT_MONTHS = 2
    start = Month.of(now()).plus(-2).starts_at
    assert refuse(member, occurredAt=iso(start - dt.timedelta(microseconds=1))) == {
        "occurredAt": [f"Events are kept from {iso(start)} on."]
    }
    ahead = iso(now() + dt.timedelta(minutes=61))
    assert refuse(member, occurredAt=ahead) == {"occurredAt": ["That is more than an hour ahead of our clock."]}
    near = iso(now() + dt.timedelta(minutes=59))
    assert tell(member, event(occurredAt=iso(start)), event(idempotencyKey="2", occurredAt=near))[1]["recorded"] == 2
    settings.ANALYTICS_EVENT_MONTHS = 0
    assert tell(member, event(idempotencyKey="3", occurredAt="2000-01-01T00:00:00Z"))[1]["recorded"] == 1


@pytest.mark.parametrize("number", ["0.1", "-12.5", "1.50", "-0.0", "1e20", "3.141592653589793", "9" * 40, "1e-40"])
def test_a_number_is_kept_as_it_was_sent(member: User, number: str) -> None:
    body = json.dumps({"events": [event(properties={"of": ["number"]})]}).replace('"number"', number)
    headers = {"authorization": f"Bearer {issue_tokens(member).access}"}
    assert Client().post(ADDRESS, body, "application/json", headers=headers).json()["recorded"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT properties #>> '{of,0}' FROM analytics_event")
        (kept,) = cursor.fetchone()
    assert Decimal(kept) == Decimal(number)


@pytest.mark.parametrize(
    ("number", "named"),
    [
        ("0.12345678901234567890", "0.12345678901234567890"),
        ("12345678901234567.8", "12345678901234567.8"),
        ("1.00000000000000000000000000000000000000000001", "1.0000000000000000000000000000000000000…"),
    ],
)
def test_a_number_that_would_be_rounded_is_refused(member: User, number: str, named: str) -> None:
    body = json.dumps({"events": [event(properties={"deep": [{"of": "number"}]}), event(idempotencyKey="2")]})
    headers = {"authorization": f"Bearer {issue_tokens(member).access}"}
    answer = Client().post(ADDRESS, body.replace('"number"', number), "application/json", headers=headers).json()
    assert (answer["recorded"], answer["refused"]) == (1, 1)
    said = f"{named} would be rounded: send a number with so many digits as text."
    assert answer["events"][0]["fields"] == {"properties": [said]}
    assert list(Event.objects.values_list("idempotency_key", flat=True)) == [f"api/{member.organization_id}/2"]


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": {}}, {"events": None}, {"events": [], "more": 1}])
def test_no_batch_is_refused_as_a_whole(member: User, body: dict[str, Any]) -> None:
    headers = {"authorization": f"Bearer {issue_tokens(member).access}"}
    answer = Client().post(ADDRESS, body, "application/json", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_parameters")


def test_a_thousand_go_in_at_once_and_no_more(member: User) -> None:
    many = [event(idempotencyKey=str(number), properties={"number": number}) for number in range(1_000)]
    assert tell(member, *many)[1]["recorded"] == 1_000
    status, answer = tell(member, *many, event(idempotencyKey="last"))
    assert (status, answer["error"]["code"]) == (413, "too_large")
    assert Event.objects.count() == 1_000


_json = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inside: some.lists(inside, max_size=4) | some.dictionaries(some.text(), inside, max_size=4),
    max_leaves=12,
)
_instants = some.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | some.just(JUST_NOW)


@given(
    events=some.lists(
        _json
        | some.fixed_dictionaries(
            {"name": some.just("a.b") | _json, "occurredAt": _instants | _json, "idempotencyKey": some.text() | _json},
            optional={
                "organization": some.text() | _json,
                "creator": _json,
                "properties": some.dictionaries(some.text(), _json, max_size=3) | _json,
            },
        ),
        max_size=4,
    )
)
@examples(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_comes_is_answered_and_an_outcome_stands_for_each(events: list[Any]) -> None:
    staff = User.objects.filter(is_staff=True).first() or make_staff("Operations")
    before = Event.objects.count()
    status, answer = tell(staff, *events)
    assert status in {200, 400, 413}
    if status == 200:
        assert len(answer["events"]) == len(events) == answer["recorded"] + answer["known"] + answer["refused"]
        assert all((one["outcome"] == "refused") is bool(one["fields"]) for one in answer["events"])
        assert Event.objects.count() == before + answer["recorded"]
