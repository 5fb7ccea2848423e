"""Earnings, pulled and stored."""

import datetime as dt
import logging
import uuid

import pytest
from pytest_django import Settings

from common.clock import Month
from common.errors import Misconfigured, NotYet, Permanent, Retryable
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision
from onlyfans.providers.gateway import CategoryEarnings, Statement
from onlyfans.selectors import list_creators_to_pull
from onlyfans.services.pulling import open_gateway, pull_statement, store_statement
from tests.factories.billing import earn, make_creator, make_organization
from tests.outside import Outside

pytestmark = pytest.mark.django_db

OCTOBER = Month(2026, 10)
NOW = dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
TOKEN = "gateway-token-5e1f9"


def statement(**categories: int) -> Statement:
    earnings = tuple(CategoryEarnings(name, gross, gross * 8 // 10) for name, gross in categories.items())
    return Statement("acc", OCTOBER, "USD", earnings)


def stored(creator: CreatorAccount) -> dict[str, tuple[int, int]]:
    rows = EarningsAggregate.objects.filter(creator=creator, month=OCTOBER.first_day)
    return {row.category: (row.gross_cents, row.net_cents) for row in rows}


def changes(creator: CreatorAccount) -> dict[str, dt.datetime]:
    return dict(EarningsAggregate.objects.filter(creator=creator).values_list("category", "changed_at"))


def test_storing_twice_is_storing_once() -> None:
    creator = make_creator(make_organization())
    store_statement(creator.pk, statement(tips=1_000, posts=500), NOW)
    before = changes(creator)
    store_statement(creator.pk, statement(tips=1_000, posts=500), NOW)
    assert stored(creator) == {"tips": (1_000, 800), "posts": (500, 400)}
    assert changes(creator) == before


def test_only_what_changed_is_dated_anew() -> None:
    creator = make_creator(make_organization())
    store_statement(creator.pk, statement(tips=1_000, posts=500), NOW)
    before = changes(creator)
    store_statement(creator.pk, statement(tips=1_001, posts=500), NOW + SECOND)
    after = changes(creator)
    assert after["tips"] > before["tips"]
    assert after["posts"] == before["posts"]


def test_a_category_that_is_gone_is_zero_and_never_deleted() -> None:
    creator = make_creator(make_organization())
    store_statement(creator.pk, statement(tips=1_000, posts=500), NOW)
    before = changes(creator)
    store_statement(creator.pk, statement(tips=1_000), NOW + SECOND)
    assert stored(creator) == {"tips": (1_000, 800), "posts": (0, 0)}
    assert changes(creator)["posts"] > before["posts"]


def test_a_statement_replaces_what_another_source_ingested_and_keeps_it() -> None:
    creator = make_creator(make_organization())
    store_statement(creator.pk, statement(streams=700), NOW, "import")
    store_statement(creator.pk, statement(tips=1_000), NOW + SECOND)
    assert stored(creator) == {"streams": (0, 0), "tips": (1_000, 800)}
    versions = EarningsRevision.objects.order_by("received_at").values_list("source", "parts", "received_at")
    assert list(versions) == [
        ("import", {"streams": [700, 560]}, NOW),
        ("gateway", {"tips": [1_000, 800]}, NOW + SECOND),
    ]


def test_no_caller_can_date_a_change() -> None:
    creator = make_creator(make_organization())
    earned = earn(creator, OCTOBER, 700)
    before = changes(creator)
    EarningsAggregate.objects.filter(pk=earned.pk).update(changed_at=NOW)
    assert changes(creator) == before
    EarningsAggregate.objects.filter(pk=earned.pk).update(changed_at=NOW, gross_cents=800)
    assert changes(creator)["tips"] > before["tips"]


def test_pulls_active_creators_for_whom_nothing_was_ingested() -> None:
    organization, other = make_organization(), make_organization()
    wanted, ingested, paused = (make_creator(organization) for _ in range(3))
    make_creator(other)
    earn(ingested, OCTOBER, 0)
    earn(wanted, OCTOBER.plus(-1), 100)
    CreatorAccount.objects.filter(pk=paused.pk).update(status="paused")
    assert list(list_creators_to_pull([organization.pk], OCTOBER.first_day)) == [wanted]


@pytest.mark.parametrize("credentials", [None, {}, {"token": ""}, {"cookie": "x"}, "token", ["token"], 7])
def test_a_creator_without_credentials_is_named(credentials: object, outside: Outside, settings: Settings) -> None:
    settings.ONLYFANS_API_URL = outside.gateway_url
    creator = make_creator(make_organization(), display_name="Aurora Star", credentials=credentials)
    with open_gateway() as gateway, pytest.raises(Permanent) as raised:
        pull_statement(gateway, creator, OCTOBER)
    assert raised.value.message == (
        "Aurora Star has no gateway credentials: connect the account, or ingest its earnings."
    )
    assert outside.list_requests() == []


@pytest.mark.parametrize("token", ["geheim-ü-5e1f9", "line\nbreak-5e1f9"])
def test_credentials_that_can_not_be_sent_are_not(
    token: str, outside: Outside, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.ONLYFANS_API_URL = outside.gateway_url
    creator = make_creator(make_organization(), display_name="Aurora Star", credentials={"token": token})
    with open_gateway() as gateway, pytest.raises(Permanent) as raised:
        pull_statement(gateway, creator, OCTOBER)
    assert raised.value.message == "Aurora Star has gateway credentials that can't be sent: connect the account again."
    assert "5e1f9" not in caplog.text
    assert outside.list_requests() == []


def test_what_goes_wrong_names_the_creator(outside: Outside, settings: Settings) -> None:
    settings.ONLYFANS_API_URL = outside.gateway_url
    organization = make_organization()
    # Accounts that no other test has: the pause outlives this one.
    creator, other = (
        make_creator(
            organization,
            display_name="Aurora Star",
            onlyfans_user_id=f"of_{uuid.uuid4().hex[:12]}",
            credentials={"token": TOKEN},
        )
        for _ in range(2)
    )
    outside.fail("onlyfans", "earnings", status=429, headers={"Retry-After": "9"})
    outside.fail("onlyfans", "earnings", status=401)
    with open_gateway() as gateway:
        with pytest.raises(Retryable) as raised:
            pull_statement(gateway, creator, OCTOBER)
        assert (raised.value.message, raised.value.retry_after) == (
            "Aurora Star: The OnlyFans gateway asked us to slow down (429).",
            9.0,
        )
        with pytest.raises(NotYet, match=r"\AAurora Star: The gateway is asked no faster") as put_off:
            pull_statement(gateway, creator, OCTOBER)
        assert 0 < (put_off.value.retry_after or 0) <= 9
        with pytest.raises(Permanent, match=r"\AAurora Star: The OnlyFans gateway refused the stored credentials"):
            pull_statement(gateway, other, OCTOBER)


def test_without_an_address_there_is_no_gateway(settings: Settings) -> None:
    settings.ONLYFANS_API_URL = ""
    with pytest.raises(Misconfigured, match="ONLYFANS_API_URL is not set"):
        open_gateway()
