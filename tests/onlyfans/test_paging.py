"""Single transactions, read page by page: what they add up to, and how reading goes on where it was stopped."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings

from common.clock import Month, now
from common.errors import Permanent, Retryable, WorkError
from common.money import format_money
from jobs.models import JobRun
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsPull, EarningsTransaction
from onlyfans.providers.gateway import Transaction, fee_of, read_page
from onlyfans.services.pulling import open_gateway, pull_month, store_statement
from tests.factories.billing import AUGUST, make_creator, make_organization
from tests.factories.runs import run
from tests.factories.staff import log_in
from tests.outside import Outside, wired

__all__ = ["wired"]
pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/transactions"
SOLD = [{"type": "tip", "cents": 1_003, "day": day, "id": f"tr_{day:02}"} for day in range(1, 8)]
TAKEN_BACK = {"type": "chargeback", "cents": -1_003, "day": 9, "id": "tr_09", "reverses": "tr_03"}


@pytest.fixture(autouse=True)
def _pages(wired: Outside, settings: Settings) -> None:
    settings.ONLYFANS_TRANSACTIONS_PATH, settings.ONLYFANS_PAGE_SIZE = "/api/{account}/transactions", 3


@pytest.fixture
def creator() -> CreatorAccount:
    account = f"of_{uuid.uuid4().hex[:12]}"
    return make_creator(make_organization(), onlyfans_user_id=account, credentials={"token": "token-1"})


def sell(outside: Outside, creator: CreatorAccount, *sales: dict[str, Any]) -> None:
    outside.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}/{AUGUST}/transactions", transactions=list(sales))


def pull() -> JobRun:
    return run("pull-earnings", month=AUGUST)


def stored(creator: CreatorAccount) -> dict[str, tuple[int, int]]:
    rows = EarningsAggregate.objects.filter(creator=creator, month=AUGUST.first_day).exclude(gross_cents=0)
    return {row.category: (row.gross_cents, row.net_cents) for row in rows}


def list_pages(outside: Outside, status: str = "200") -> list[str]:
    return [one["params"].get("marker", "") for one in outside.list_requests(path=LIST, status=status)]


def test_transactions_add_up_each_rounded_by_itself(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD, TAKEN_BACK)
    ended = pull()
    assert ended.status == "succeeded", ended.items.get().error
    # 20 % of 10.03 is 2.006, hence 2.01 each: 8.02 seven times, and once back.
    assert stored(creator) == {"tips": (7_021, 5_614), "chargebacks": (-1_003, -802)}
    assert list_pages(wired) == ["", "tr_06", "tr_03"]
    back = EarningsTransaction.objects.get(category="chargebacks")
    assert (back.reverses, back.gross_cents, back.fee_cents, back.net_cents) == ("tr_03", -1_003, -201, -802)
    assert EarningsTransaction.objects.filter(external_id=back.reverses, gross_cents=1_003).exists()
    done = EarningsPull.objects.get(creator=creator)
    assert (done.pages, done.is_read, done.stored_at is not None) == (3, True, True)


def test_what_nobody_seeded_agrees_with_its_statement(wired: Outside, creator: CreatorAccount) -> None:
    ended = pull()
    assert ended.status == "succeeded", ended.items.get().error
    assert EarningsTransaction.objects.count() > 100


def test_goes_on_at_the_page_where_it_was_stopped(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD, TAKEN_BACK)
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", expires_after=2)
    assert pull().status == "failed"
    assert (list_pages(wired), stored(creator)) == (["", "tr_06"], {})
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", expires_after=None)
    assert pull().status == "succeeded"
    assert list_pages(wired) == ["", "tr_06", "tr_03"]
    assert stored(creator) == {"tips": (7_021, 5_614), "chargebacks": (-1_003, -802)}


def test_what_was_begun_long_ago_is_begun_anew(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD)
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", expires_after=2)
    pull()
    EarningsPull.objects.update(started_at=now() - dt.timedelta(hours=7))
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", expires_after=None)
    pull()
    assert list_pages(wired) == ["", "tr_05", "", "tr_05", "tr_02"]


def test_a_transaction_that_is_gone_counts_no_more(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD)
    pull()
    sell(wired, creator, *SOLD[1:])
    pull()
    assert stored(creator) == {"tips": (6_018, 4_812)}
    assert EarningsTransaction.objects.count() == 7


def test_a_place_that_is_known_no_more_means_all_over_again(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD)
    wired.fail("onlyfans", LIST, contains="marker=tr_05", status=422)
    ended = pull()
    assert (ended.status, ended.items.get().attempts) == ("succeeded", 1)
    assert list_pages(wired) == ["", "", "tr_05", "tr_02"]
    assert stored(creator) == {"tips": (7_021, 5_614)}


def test_figures_that_contradict_the_statement_are_not_stored(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD)
    body = {"data": {"total": {"gross": 1, "total": 1}, "tips": {"gross": 1, "total": 1}}}
    wired.fail("onlyfans", "statements", status=200, body=body, times=None)
    ended = pull()
    item = ended.items.get()
    assert (ended.status, item.attempts) == ("failed", 3)
    assert "do not add up to its statement (5614 against 100 cents net)" in item.error
    assert stored(creator) == {}
    wired.heal()
    assert pull().status == "succeeded"


def test_a_dry_run_keeps_nothing(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD)
    with open_gateway() as gateway:
        statement = pull_month(gateway, creator, AUGUST, now(), keeps=False)
    assert statement.net_cents == 5_614
    assert (EarningsPull.objects.count(), EarningsTransaction.objects.count()) == (0, 0)
    assert CreatorAccount.objects.get().connection_state == "untried"


def test_two_who_read_at_once_store_each_transaction_once(wired: Outside, creator: CreatorAccount) -> None:
    """The second one has read the first page when the first one is through: its page is behind the row's place."""
    sell(wired, creator, *SOLD)

    def overtake() -> None:
        if not EarningsTransaction.objects.exists():
            with open_gateway() as other:
                store_statement(creator.pk, pull_month(other, creator, AUGUST, now()), now())

    with open_gateway() as gateway:
        statement = pull_month(gateway, creator, AUGUST, now(), check=overtake)
    assert statement.net_cents == 5_614
    assert EarningsTransaction.objects.count() == 7


def test_staff_see_how_far_a_month_is_and_each_transaction(wired: Outside, creator: CreatorAccount) -> None:
    sell(wired, creator, *SOLD, TAKEN_BACK)
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", expires_after=2)
    pull()
    client = log_in("Read only")
    address = reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])
    page = client.get(address).content.decode()
    assert "Read from the gateway" in page and "Under way" in page
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", expires_after=None)
    pull()
    assert "See transactions" in client.get(address).content.decode()
    listed = reverse("admin:onlyfans_earningstransaction_changelist") + f"?q={creator.onlyfans_user_id}"
    found = client.get(listed).content.decode()
    assert "tr_09" in found and format_money(-1_003, "USD") in found
    one = EarningsTransaction.objects.get(external_id="tr_09")
    shown = client.get(reverse("admin:onlyfans_earningstransaction_change", args=[one.pk]))
    assert (shown.status_code, "tr_03" in shown.content.decode()) == (200, True)


def entry(**values: Any) -> dict[str, Any]:
    good = {"id": "tr_1", "createdAt": "2026-08-03T10:00:00Z", "type": "tip", "currency": "USD", "amount": 10, "fee": 2}
    return {**good, "net": 8, **values}


def read(*entries: dict[str, Any]) -> tuple[Transaction, ...]:
    return read_page(AUGUST, {"data": {"list": list(entries), "hasMore": False}}).transactions


def test_a_fee_that_is_not_told_is_a_fifth() -> None:
    bare = {name: value for name, value in entry(amount=10).items() if name not in {"fee", "net"}}
    assert [(one.gross_cents, one.fee_cents, one.net_cents) for one in read(bare)] == [(1_000, 200, 800)]
    assert [fee_of(cents) for cents in (1, 2, 3, 1_003, 12, 13, -1_003)] == [0, 0, 1, 201, 2, 3, -201]


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"type": "gift"}, Permanent, "type that nobody knows"),
        ({"net": 9}, Permanent, "leaves USD 9.00 of USD 10.00 less USD 2.00"),
        ({"createdAt": "2026-07-31T23:59:59Z"}, Permanent, "is not of 2026-08"),
        ({"type": "chargeback"}, Permanent, "points at nothing"),
        ({"type": "chargeback", "reverses": "tr_0"}, Permanent, "not negative"),
        ({"reverses": "tr_0"}, Permanent, "points at nothing"),
        ({"id": ""}, Permanent, "has no id"),
        ({"amount": "10"}, Retryable, "could not be read"),
        ({"createdAt": "yesterday"}, Retryable, "could not be read"),
    ],
)
def test_no_figure_is_made_of_what_contradicts_itself(
    values: dict[str, Any], error: type[WorkError], said: str
) -> None:
    with pytest.raises(error, match=said):
        read(entry(**values))


def test_days_are_those_of_utc() -> None:
    (one,) = read(entry(createdAt="2026-09-01T01:00:00+02:00"))
    assert Month.of(one.occurred_at) == AUGUST


@pytest.mark.parametrize("round_trip", [("tr_06",), ("tr_06", "tr_03"), ("tr_06", "tr_03", "tr_05")])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_list_that_leads_back_to_a_page_is_given_up(
    wired: Outside, creator: CreatorAccount, round_trip: tuple[str, ...], keeps: bool
) -> None:
    sell(wired, creator, *SOLD)
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", leads_round=list(round_trip))
    with (
        open_gateway() as gateway,
        pytest.raises(Retryable, match="has no end: a page leads back to one that was read"),
    ):
        pull_month(gateway, creator, AUGUST, now(), keeps=keeps)
    # Each page was asked for once.
    assert list_pages(wired) == ["", *round_trip]
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", leads_round=None)
    assert pull().status == "succeeded"
    assert list_pages(wired) == ["", *round_trip, "", "tr_05", "tr_02"]
    assert stored(creator) == {"tips": (7_021, 5_614)}
