"""The gateway fails for one creator: that organization waits, the others are billed, a rerun pulls what is missing."""

import uuid
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from billing.models import Invoice
from common import http
from common.pace import Window, hold_back
from onlyfans.models import CreatorAccount
from tests.billing.street import CENTS, Street
from tests.factories.billing import AUGUST, make_creator
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "The OnlyFans gateway"


@pytest.fixture
def street(wired: Outside) -> Street:
    return Street(wired)


def path_of(creator: CreatorAccount) -> str:
    return f"/api/{creator.onlyfans_user_id}/"


def break_down(street: Street, **fault: Any) -> str:
    """Let the gateway fail for the troubled creator until it is healed; return how the item's error begins."""
    creator = street.creators[1]
    street.outside.fail("onlyfans", path_of(creator), **{"times": None, **fault})
    return f"{creator}: {SAID}"


@pytest.mark.parametrize(
    ("fault", "said", "attempts"),
    [
        ({"status": 500}, "failed on its side (500).", 3),
        ({"action": "garbage"}, "answered with something that is not JSON.", 3),
        ({"action": "close_after"}, "could not be reached (RemoteProtocolError).", 3),
        ({"status": 429}, "asked us to slow down (429).", 3),
        ({"status": 401}, "refused the stored credentials (401): connect the account again.", 1),
        ({"status": 200, "body": {"data": {}}}, "sent a statement that could not be read.", 3),
        (
            {"status": 200, "body": {"data": {"total": {"gross": 1, "total": 1}}}},
            "sent a statement whose categories do not add up to its total "
            "(USD 0.00 and USD 0.00 against USD 1.00 and USD 1.00).",
            1,
        ),
    ],
)
def test_one_creator_fails(street: Street, fault: dict[str, Any], said: str, attempts: int) -> None:
    who = break_down(street, **fault)
    run = street.bill()
    street.check_only_the_trouble(run, "earnings", f"{who} {said}")
    assert street.item(run).attempts == attempts
    assert len(street.outside.list_requests(service="onlyfans", path=path_of(street.creators[1]))) == attempts
    assert street.troubled.pk not in street.earned()
    assert not Invoice.objects.filter(organization=street.troubled).exists()
    street.outside.heal()
    pulled = len(street.outside.list_requests(service="onlyfans"))
    street.check_repaired(run)
    assert len(street.outside.list_requests(service="onlyfans")) == pulled + 1


def test_it_does_not_answer_in_time(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(2, read=0.15))
    who = break_down(street, action="hang_before")
    run = street.bill()
    street.check_only_the_trouble(run, "earnings", f"{who} did not answer in time.")
    street.outside.heal()
    street.check_repaired(run)


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "0"}}])
def test_a_passing_failure_is_not_even_seen(street: Street, fault: dict[str, Any]) -> None:
    break_down(street, times=2, **fault)
    run = street.bill()
    assert (run.status, run.done) == ("succeeded", 3)
    item = street.item(run)
    assert [error["kind"] for error in item.steps["earnings"]["errors"]] == ["retryable", "retryable"]
    assert (item.error, item.error_kind) == ("", "")
    street.check_delivered(*street.organizations)


def test_expired_credentials_are_mended_by_connecting_again(street: Street) -> None:
    creator = street.creators[1]
    creator.credentials = {"token": "expired-token"}
    creator.save()
    run = street.bill()
    said = "refused the stored credentials (401): connect the account again."
    street.check_only_the_trouble(run, "earnings", f"{creator}: {SAID} {said}")
    creator.refresh_from_db()
    assert (creator.connection_state, creator.connection_reason) == ("expired", f"{SAID} {said}")
    creator.credentials = {"token": "fresh-token"}
    creator.save()
    street.check_repaired(run)
    creator.refresh_from_db()
    assert (creator.connection_state, creator.connection_reason) == ("connected", "")


def test_a_dry_run_leaves_the_connection_as_it_is_known(street: Street) -> None:
    creator = street.creators[1]
    creator.credentials = {"token": "expired-token"}
    creator.save()
    assert street.bill(dry_run=True).failed == 1
    assert set(CreatorAccount.objects.values_list("connection_state", flat=True)) == {"untried"}


def test_who_must_wait_for_its_turn_is_put_off_and_then_billed(street: Street, settings: Settings) -> None:
    account = f"of_{uuid.uuid4().hex[:12]}"
    CreatorAccount.objects.filter(pk=street.creators[1].pk).update(onlyfans_user_id=account)
    street.outside.seed(account, AUGUST, tips=CENTS)
    hold_back(Window(f"onlyfans:{account}", settings.ONLYFANS_REQUESTS_PER_MINUTE, 60), 0.3)
    run = street.bill()
    item = street.item(run)
    assert (run.status, run.done, item.attempts) == ("succeeded", 3, 0)
    assert len(street.outside.list_requests(service="onlyfans", path=account)) == 1
    street.check_delivered(*street.organizations)


def test_a_creator_never_connected_is_mended_by_ingesting(street: Street) -> None:
    CreatorAccount.objects.filter(pk=street.creators[1].pk).update(credentials=None)
    run = street.bill()
    said = "has no gateway credentials: connect the account, or ingest its earnings."
    street.check_only_the_trouble(run, "earnings", f"{street.creators[1]} {said}")
    street.creators[1].earnings.create(
        month=AUGUST.first_day, category="tips", gross_cents=CENTS, net_cents=CENTS * 8 // 10, source="import"
    )
    street.check_repaired(run)


def test_of_two_creators_the_one_that_was_pulled_is_not_pulled_again(street: Street) -> None:
    second = make_creator(street.troubled, credentials={"token": "token-9"})
    street.outside.seed(second.onlyfans_user_id, AUGUST)
    break_down(street, status=500)
    street.outside.fail("onlyfans", path_of(street.creators[1]), times=None)
    run = street.bill()
    assert street.item(run).status == "failed"
    street.outside.heal()
    again = street.rerun(run)
    assert again.status == "succeeded"
    asked = street.outside.list_requests(service="onlyfans", path=path_of(second))
    pulled = [request for request in asked if request["status"] == 200]
    assert len(pulled) == 1
    street.check_delivered(*street.neighbours)


def test_what_was_ingested_is_not_pulled(street: Street) -> None:
    for creator in street.creators:
        creator.earnings.create(month=AUGUST.first_day, category="tips", gross_cents=CENTS, net_cents=CENTS * 8 // 10)
    assert street.bill().status == "succeeded"
    assert street.outside.list_requests(service="onlyfans") == []
    street.check_delivered(*street.organizations)


def test_billing_again_pulls_nothing_and_repeats_nothing(street: Street) -> None:
    street.bill()
    seen, asked = street.look_at_all(), len(street.outside.list_requests())
    again = street.bill()
    assert (again.status, again.done) == ("succeeded", 3)
    assert [item.result["note"] for item in again.items.all()] == ["Billed already."] * 3
    assert street.look_at_all() == seen
    assert len(street.outside.list_requests()) == asked
