"""Creators, their secrets and their earnings in the admin."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
SECRET = "tok-9f8e7d6c5b"
OCTOBER = Month(2026, 10)


def _change(creator: CreatorAccount) -> str:
    return reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])


def _save(client: Client, creator: CreatorAccount, **values: str) -> str:
    response = client.post(
        _change(creator),
        {
            "organization": creator.organization_id,
            "display_name": creator.display_name,
            "onlyfans_user_id": creator.onlyfans_user_id,
            "status": creator.status,
            "created_at_0": "2025-01-15",
            "created_at_1": "00:00",
            **values,
        },
        follow=True,
    )
    return str(response.content.decode())


def test_a_stored_token_is_never_shown() -> None:
    creator = make_creator(make_organization(), credentials={"token": SECRET, "account": "acct-42"})
    for group in ("Operations", "Support", "Read only"):
        client = log_in(group)
        for address in (_change(creator), reverse("admin:onlyfans_creatoraccount_changelist")):
            page = client.get(address).content.decode()
            assert (SECRET in page, "acct-42" in page, "gAAAA" in page) == (False, False, False)


def test_a_new_token_replaces_the_stored_one_encrypted_and_unseen() -> None:
    creator = make_creator(make_organization(), credentials={"token": "old", "account": "acct-42"})
    client = log_in("Operations")
    page = _save(client, creator, new_token=SECRET)
    creator.refresh_from_db()
    assert creator.credentials == {"token": SECRET, "account": "acct-42"}
    history = client.get(reverse("admin:onlyfans_creatoraccount_history", args=[creator.pk])).content.decode()
    assert SECRET not in page + history
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM onlyfans_creatoraccount WHERE id = %s", [creator.pk])
        assert SECRET not in cursor.fetchone()[0]


def test_an_empty_token_leaves_what_is_stored_and_a_removal_removes_it() -> None:
    creator = make_creator(make_organization(), credentials={"token": SECRET})
    client = log_in("Support")
    _save(client, creator, display_name="Aurora")
    creator.refresh_from_db()
    assert (creator.display_name, creator.credentials) == ("Aurora", {"token": SECRET})
    assert "Either store a new token or remove" in _save(client, creator, new_token="x", forget_token="on")
    creator.refresh_from_db()
    assert creator.credentials == {"token": SECRET}
    _save(client, creator, forget_token="on")
    creator.refresh_from_db()
    assert creator.credentials is None


def test_a_creator_stays_with_the_organization_that_is_billed_for_it() -> None:
    mine, other = make_organization(), make_organization()
    creator = make_creator(mine)
    for client in (log_in("Operations"), log_in(superuser=True)):
        assert "A creator stays with the organization" in client.get(_change(creator)).content.decode()
        _save(client, creator, organization=other.pk, status="paused", onlyfans_user_id="u-new")
        creator.refresh_from_db()
        assert (creator.organization_id, creator.status, creator.onlyfans_user_id) == (mine.pk, "paused", "u-new")


def test_support_changes_the_name_and_the_token_and_nothing_that_is_billed() -> None:
    mine, other = make_organization(), make_organization()
    creator = make_creator(mine)
    before = (mine.pk, creator.status, creator.onlyfans_user_id, creator.created_at)
    wished = {"status": "closed", "onlyfans_user_id": "u-new", "created_at_0": "2030-01-01", "created_at_1": "00:00"}
    _save(log_in("Support"), creator, organization=other.pk, display_name="Aurora", new_token=SECRET, **wished)
    creator.refresh_from_db()
    assert (creator.organization_id, creator.status, creator.onlyfans_user_id, creator.created_at) == before
    assert (creator.display_name, creator.credentials) == ("Aurora", {"token": SECRET})


def test_operations_choose_the_organization_of_a_new_creator() -> None:
    organization = make_organization()
    values = {"organization": organization.pk, "display_name": "Aurora", "onlyfans_user_id": "u-1", "status": "active"}
    dates = {"created_at_0": "2025-01-15", "created_at_1": "00:00"}
    log_in("Operations").post(reverse("admin:onlyfans_creatoraccount_add"), {**values, **dates})
    assert CreatorAccount.objects.get().organization_id == organization.pk


def test_read_only_staff_change_no_creator_and_are_offered_no_token_field() -> None:
    creator = make_creator(make_organization(), credentials={"token": SECRET})
    client = log_in("Read only")
    assert "new_token" not in client.get(_change(creator)).content.decode()
    assert client.post(_change(creator), {"new_token": "x"}).status_code == 403
    creator.refresh_from_db()
    assert creator.credentials == {"token": SECRET}


def test_creators_are_found_and_filtered_by_organization_and_status() -> None:
    first, second = make_organization(), make_organization()
    make_creator(first, display_name="Aurora", onlyfans_user_id="u-1")
    make_creator(second, display_name="Boreal", status="paused")
    client, address = log_in("Read only"), reverse("admin:onlyfans_creatoraccount_changelist")
    for query in ("?q=auro", "?q=u-1", f"?organization__id__exact={first.pk}", "?status__exact=active"):
        page = client.get(address + query).content.decode()
        assert ("Aurora" in page, "Boreal" in page) == (True, False)


def test_finance_adds_and_corrects_earnings_and_the_row_says_so() -> None:
    creator, client = make_creator(make_organization()), log_in("Finance")
    values = {
        "creator": str(creator.pk),
        "month": "2026-10",
        "category": "tips",
        "gross_cents": "10",
        "currency": "USD",
    }
    client.post(reverse("admin:onlyfans_earningsaggregate_add"), {**values, "net_cents": "8.00"})
    row = EarningsAggregate.objects.get()
    assert (row.month, row.gross_cents, row.net_cents, row.source) == (dt.date(2026, 10, 1), 1000, 800, "staff")
    address = reverse("admin:onlyfans_earningsaggregate_change", args=[row.pk])
    client.post(
        address,
        {"gross_cents": "20.00", "net_cents": "16", "currency": "USD", "month": "2026-01", "category": "posts"},
    )
    row.refresh_from_db()
    assert (row.gross_cents, row.net_cents) == (2000, 1600)
    assert (row.month, row.category) == (dt.date(2026, 10, 1), "tips")


@pytest.mark.parametrize(
    "change",
    [{"month": "2026-13"}, {"gross_cents": "10.505"}, {"currency": "usd"}, {"category": "gifts"}, {"net_cents": ""}],
)
def test_nonsense_about_earnings_is_refused_at_its_field(change: dict[str, str]) -> None:
    values = {
        "month": "2026-10",
        "category": "tips",
        "gross_cents": "10",
        "net_cents": "8.00",
        "currency": "USD",
        **change,
    }
    creator = make_creator(make_organization())
    page = log_in("Finance").post(reverse("admin:onlyfans_earningsaggregate_add"), {"creator": creator.pk, **values})
    assert list(page.context["adminform"].form.errors) == list(change)
    assert not EarningsAggregate.objects.exists()


def test_the_same_earnings_are_not_added_twice() -> None:
    row = earn(make_creator(make_organization()), OCTOBER, 500)
    values = {"month": "2026-10", "category": "tips", "gross_cents": "10", "net_cents": "8.00", "currency": "USD"}
    page = log_in("Finance").post(
        reverse("admin:onlyfans_earningsaggregate_add"), {"creator": row.creator_id, **values}
    )
    assert page.status_code == 200
    assert EarningsAggregate.objects.get().gross_cents == 500


@pytest.mark.parametrize("group", ["Operations", "Support", "Read only"])
def test_others_see_earnings_and_change_none(group: str) -> None:
    row, client = earn(make_creator(make_organization()), OCTOBER, 500), log_in(group)
    address = reverse("admin:onlyfans_earningsaggregate_change", args=[row.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"gross_cents": "1", "net_cents": "1", "currency": "USD"}).status_code == 403
    row.refresh_from_db()
    assert row.gross_cents == 500


def test_earnings_are_filtered_by_month() -> None:
    creator = make_creator(make_organization())
    earn(creator, OCTOBER, 1_234_567)
    earn(creator, Month(2026, 9), 7_654_321)
    client, address = log_in("Read only"), reverse("admin:onlyfans_earningsaggregate_changelist")
    page = client.get(f"{address}?month=2026-10").content.decode()
    assert ("USD 12,345.67" in page, "USD 76,543.21" in page) == (True, False)
    assert "USD" not in client.get(f"{address}?month=nonsense").content.decode().split("result_list")[-1]


def test_not_even_a_superuser_deletes_creators_or_earnings() -> None:
    row, client = earn(make_creator(make_organization()), OCTOBER, 500), log_in(superuser=True)
    assert client.post(f"/admin/onlyfans/earningsaggregate/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/onlyfans/creatoraccount/{row.creator_id}/delete/", {"post": "yes"}).status_code == 403
    assert EarningsAggregate.objects.count() == CreatorAccount.objects.count() == 1
