"""Whoever takes figures home leaves an entry that says which, of whom, how many and in what file."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from analytics.registry import find_revenue_source
from analytics.services.rollups import refresh_revenue
from common.clock import Month, now
from onlyfans.models import CreatorAccount
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
THIS = Month.of(now())
ADDRESS = reverse("admin:dashboard_export", args=["creators-by-earnings", "csv"])
_DAYS = {"from": str(THIS.plus(-1).first_day), "to": str(THIS.plus(-1).last_day)}


@pytest.fixture
def creator() -> CreatorAccount:
    """The first of three creators of two organizations, who all earned something last month."""
    aurora = make_organization(name="Aurora Talent")
    ada = make_creator(aurora, display_name="Ada Star")
    for one in (ada, make_creator(aurora), make_creator(make_organization())):
        earn(one, THIS.plus(-1), 500)
    source = find_revenue_source("onlyfans")
    assert source is not None
    refresh_revenue(source)
    return ada


def _take(address: str, group: str = "Finance") -> tuple[int, AuditEntry | None]:
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    status = log_in(group).get(address).status_code
    return status, AuditEntry.objects.exclude(pk__in=before).first()


def _filters(creator: CreatorAccount) -> list[tuple[str, dict[str, Any]]]:
    owner = creator.organization
    aurora = f"Aurora Talent ({owner.pk})"
    ada = f"Ada Star ({creator.onlyfans_user_id}, onlyfans)"
    return [
        ("", {"organization": "all", "creator": "all", "rows": 3}),
        (f"&organization={owner.pk}", {"organization": aurora, "creator": "all", "rows": 2}),
        ("&creator=Ada+Star", {"organization": "all", "creator": ada, "rows": 1}),
        ("&organization=aurora&creator=ada", {"organization": aurora, "creator": ada, "rows": 1}),
    ]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_says_what_of_whom_and_how_much(creator: CreatorAccount, kind: str, place: int) -> None:
    query, told = _filters(creator)[place]
    address = reverse("admin:dashboard_export", args=["creators-by-earnings", kind])

    status, entry = _take(f"{address}?range=last{query}", "Operations")

    assert (status, entry is None) == (200, False)
    assert entry is not None and entry.actor is not None
    assert (entry.verb, entry.object_name, entry.door, entry.address) == (
        "export", "Creators by earnings", "admin", "127.0.0.1",
    )  # fmt: skip
    assert (entry.after, entry.before) == ({"file": kind.upper(), **_DAYS, **told}, {})
    assert entry.actor.groups.get().name == "Operations"
    shown = log_in("Finance").get(reverse("admin:accounts_auditentry_change", args=[entry.pk])).content.decode()
    assert "Creators by earnings" in shown and told["organization"] in shown


def test_looking_and_what_is_refused_leave_no_entry(creator: CreatorAccount) -> None:
    assert _take(reverse("admin:dashboard", args=["creators"])) == (200, None)
    assert _take(f"{ADDRESS}?organization=nobody") == (302, None)
    assert _take(ADDRESS, "Support") == (403, None)
    assert _take(ADDRESS.replace(".csv", ".exe")) == (404, None)
    before = AuditEntry.objects.count()
    assert Client().get(ADDRESS).status_code == 302
    assert AuditEntry.objects.count() == before


def test_who_took_nothing_is_told_of_too() -> None:
    user, client = make_staff("Finance"), Client()
    client.force_login(user)
    assert client.get(f"{ADDRESS}?range=last").status_code == 200
    entry = AuditEntry.objects.get(verb="export")
    assert (entry.actor, entry.after["rows"]) == (user, 0)
