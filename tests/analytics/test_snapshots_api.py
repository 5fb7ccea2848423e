"""Snapshots for front ends: whose, which, and page by page."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from accounts.models import Organization, User
from accounts.services.tokens import issue_tokens
from analytics.models import ProviderSnapshot
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db
ADDRESS = "/api/analytics/snapshots"
SLOT = dt.datetime(2026, 10, 14, 6, tzinfo=dt.UTC)
SIX_HOURS = dt.timedelta(hours=6)


@pytest.fixture
def organizations() -> tuple[Organization, Organization]:
    """Two organizations with snapshots of three slots each."""
    one, two = (Organization.objects.create(id=name, name=name) for name in ("one", "two"))
    ProviderSnapshot.objects.bulk_create(
        ProviderSnapshot(
            provider="onlyfans",
            creator=creator,
            organization=owner,
            slot_at=SLOT + place * SIX_HOURS,
            read_at=SLOT + place * SIX_HOURS,
            currency="USD",
            metrics={"fans": 10 + place, "earned_gross_cents": 5},
            deltas={"fans": 1} if place else {},
            jumps={"fans": {"change": 1, "usual": 0}} if place == 2 else {},
        )
        for place in range(3)
        for creator, owner in (("ada", one), ("bea", one), ("cleo", two))
    )
    return one, two


def _ask(user: User | None, **query: Any) -> Any:
    headers = {"authorization": f"Bearer {issue_tokens(user).access}"} if user else {}
    return Client().get(ADDRESS, query, headers=headers)


def _member(organization: Organization | None) -> User:
    return User.objects.create_user("member@example.test", "x", organization=organization)


def _found(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.json()
    return [(row["creator"], row["slotAt"]) for row in answer.json()["snapshots"]]


def test_members_see_their_own_organization_alone(organizations: tuple[Organization, Organization]) -> None:
    member = _member(organizations[0])

    assert {creator for creator, _ in _found(_ask(member))} == {"ada", "bea"}
    assert _found(_ask(member, creator="cleo")) == []
    assert _ask(member, organization="two").status_code == 403
    assert len(_found(_ask(member, organization="one"))) == 6


def test_staff_see_any_if_they_may(organizations: tuple[Organization, Organization]) -> None:
    staff = make_staff("Support")

    assert len(_found(_ask(staff))) == 9
    assert {creator for creator, _ in _found(_ask(staff, organization="two"))} == {"cleo"}
    assert _ask(make_staff()).status_code == 403


def test_nobody_and_members_of_nothing_see_nothing(organizations: tuple[Organization, Organization]) -> None:
    assert _ask(None).status_code == 401
    assert _ask(_member(None)).status_code == 403


def test_a_snapshot_is_told_in_camel_case(organizations: tuple[Organization, Organization]) -> None:
    (row,) = _ask(_member(organizations[1]), limit=1).json()["snapshots"]

    assert row == {
        "provider": "onlyfans",
        "creator": "cleo",
        "organization": "two",
        "slotAt": "2026-10-14T18:00:00Z",
        "readAt": "2026-10-14T18:00:00Z",
        "state": "complete",
        "error": "",
        "currency": "USD",
        "metrics": {"fans": 12, "earnedGrossCents": 5},
        "deltas": {"fans": 1},
        "jumps": {"fans": {"change": 1, "usual": 0}},
    }


def test_slots_are_chosen_by_their_beginning(organizations: tuple[Organization, Organization]) -> None:
    member = _member(organizations[0])
    query = {"creator": "ada", "provider": "onlyfans"}

    assert _found(_ask(member, **query, **{"from": "2026-10-14T06:00:00Z", "to": "2026-10-14T18:00:00Z"})) == [
        ("ada", "2026-10-14T12:00:00Z"),
        ("ada", "2026-10-14T06:00:00Z"),
    ]
    assert _found(_ask(member, provider="reddit")) == []


def test_pages_hold_everything_once_though_more_comes_in(organizations: tuple[Organization, Organization]) -> None:
    staff, found, cursor = make_staff("Support"), [], ""
    while True:
        answer = _ask(staff, limit=2, cursor=cursor)
        found += _found(answer)
        cursor = answer.json()["nextCursor"]
        if cursor is None:
            break
        ProviderSnapshot.objects.create(
            provider="new", creator=str(len(found)), slot_at=SLOT + 4 * SIX_HOURS, read_at=SLOT
        )

    assert len(found) == len(set(found)) == 9
    assert [at for _, at in found] == sorted((at for _, at in found), reverse=True)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-10-14T06:00:00"}, "to"),
        ({"from": "2026-10-14T06:00:00Z", "to": "2026-10-14T06:00:00Z"}, "to"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "MjAyNi0xMC0xNFQwNjowMDowMCAx"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"page": "2"}, "page"),
    ],
)
def test_what_does_not_fit_is_named(query: dict[str, str], field: str) -> None:
    answer = _ask(make_staff("Support"), **query)

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {field}
