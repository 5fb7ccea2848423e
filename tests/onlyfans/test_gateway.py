"""The gateway's statements, read through the client."""

import datetime as dt
import json
import logging
import traceback
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from common import http
from common.clock import Month
from common.errors import Permanent, Retryable, WorkError
from onlyfans.providers.gateway import CATEGORIES, CategoryEarnings, OnlyFansClient
from onlyfans.providers.gateway import _read_statement as read_statement
from tests.outside import Outside

OCTOBER = Month(2026, 10)
PATH = "/api/{account}/statistics/statements/earnings"
TOKEN = "gateway-token-5e1f9"
OPENS = {"Authorization": f"Bearer {TOKEN}"}
STATEMENTS = "statements/earnings"


@pytest.fixture
def client(outside: Outside) -> Iterator[OnlyFansClient]:
    with OnlyFansClient(outside.gateway_url, "Huntaze/1.0", PATH) as client:
        yield client


def test_reads_each_category_gross_and_net_to_the_cent(outside: Outside, client: OnlyFansClient) -> None:
    outside.seed("acc_1", OCTOBER, subscriptions=123_450, tips=10_001, messages=3, chargebacks=-2_000)
    statement = client.get_statement("acc_1", OPENS, OCTOBER)
    assert (statement.account, statement.month, statement.currency) == ("acc_1", OCTOBER, "USD")
    assert statement.earnings == (
        CategoryEarnings("subscriptions", 123_450, 98_760),
        CategoryEarnings("tips", 10_001, 8_001),
        CategoryEarnings("messages", 3, 2),
        CategoryEarnings("posts", 0, 0),
        CategoryEarnings("streams", 0, 0),
        CategoryEarnings("referrals", 0, 0),
        CategoryEarnings("chargebacks", -2_000, -1_600),
    )


@pytest.mark.parametrize("account", [".", "..", ""])
def test_an_id_that_is_a_step_of_a_path_is_asked_for_nowhere(
    outside: Outside, client: OnlyFansClient, account: str
) -> None:
    with pytest.raises(Permanent, match="can't stand in an address"):
        client.get_statement(account, OPENS, OCTOBER)
    assert not outside.list_requests(service="onlyfans")


def test_asks_for_the_whole_month_as_itself(outside: Outside, client: OnlyFansClient) -> None:
    client.get_statement("acc_1", OPENS, Month(2028, 2))
    (request,) = outside.list_requests(service="onlyfans")
    assert request["path"] == "/api/acc_1/statistics/statements/earnings"
    assert request["params"] == {"start_date": "2028-02-01", "end_date": "2028-02-29"}
    assert request["user_agent"] == "Huntaze/1.0"


def test_an_account_is_one_part_of_the_path(outside: Outside, client: OnlyFansClient) -> None:
    """Whatever it is called, it leads to nobody else's statement."""
    with pytest.raises(Permanent, match=r"refused the request \(404\)"):
        client.get_statement("acc_2/../acc_1", OPENS, OCTOBER)
    assert all("/api/acc_1/" not in request["path"] for request in outside.list_requests())


def amounts(gross: object, net: object) -> dict[str, object]:
    return {"gross": gross, "total": net}


def answer(outside: Outside, data: object) -> None:
    outside.fail("onlyfans", STATEMENTS, status=200, body={"data": data})


def test_takes_whole_dollars_and_categories_left_out(outside: Outside, client: OnlyFansClient) -> None:
    answer(outside, {"total": amounts(5, 4), "tips": amounts(5, 4)})
    assert client.get_statement("acc_1", OPENS, OCTOBER).earnings == (CategoryEarnings("tips", 500, 400),)


@pytest.mark.parametrize("total", [amounts(5, 3), amounts(6, 4), amounts(0, 0)])
def test_refuses_a_statement_that_does_not_add_up(outside: Outside, client: OnlyFansClient, total: object) -> None:
    answer(outside, {"total": total, "tips": amounts(5, 4)})
    with pytest.raises(Permanent, match="categories do not add up to its total"):
        client.get_statement("acc_1", OPENS, OCTOBER)


@pytest.mark.parametrize(
    "data",
    [
        None, [], "nothing", {}, {"total": None}, {"total": amounts("5", "4"), "tips": amounts("5", "4")},
        {"total": amounts(True, True), "tips": amounts(True, True)}, {"total": {"gross": 5}},
        {"total": amounts(0.001, 0), "tips": amounts(0.001, 0)},
        {"total": amounts(1e300, 0), "tips": amounts(1e300, 0)},
        {"total": amounts(10**15, 0), "tips": amounts(10**15, 0)}, {"total": amounts(0, 0), "tips": [1, 2]},
    ],
)  # fmt: skip
def test_what_can_not_be_read_may_heal(outside: Outside, client: OnlyFansClient, data: object) -> None:
    answer(outside, data)
    with pytest.raises(Retryable, match=r"\AThe OnlyFans gateway sent a statement that could not be read\.\Z"):
        client.get_statement("acc_1", OPENS, OCTOBER)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"status": 500}, "The OnlyFans gateway failed on its side (500)."),
        ({"status": 503}, "The OnlyFans gateway failed on its side (503)."),
        ({"action": "garbage"}, "The OnlyFans gateway answered with something that is not JSON."),
        ({"action": "close_before"}, "The OnlyFans gateway could not be reached (RemoteProtocolError)."),
    ],
)
def test_its_own_failures_may_heal(
    outside: Outside, client: OnlyFansClient, fault: dict[str, object], message: str
) -> None:
    outside.fail("onlyfans", STATEMENTS, **fault)  # type: ignore[arg-type]
    with pytest.raises(Retryable) as raised:
        client.get_statement("acc_1", OPENS, OCTOBER)
    assert raised.value.message == message


def test_a_time_out_may_heal(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(0.1))
    outside.fail("onlyfans", STATEMENTS, "hang_before")
    with OnlyFansClient(outside.gateway_url, "Huntaze/1.0", PATH) as client, pytest.raises(Retryable) as raised:
        client.get_statement("acc_1", OPENS, OCTOBER)
    assert raised.value.message == "The OnlyFans gateway did not answer in time."


def test_nobody_there_may_heal() -> None:
    with OnlyFansClient("http://127.0.0.1:9", "Huntaze/1.0", PATH) as client, pytest.raises(Retryable) as raised:
        client.get_statement("acc_1", OPENS, OCTOBER)
    assert raised.value.message == "The OnlyFans gateway could not be reached (ConnectError)."


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("100000", 3600.0), ("soon", None), ("-5", None)])
def test_slowing_down_names_the_pause(
    outside: Outside, client: OnlyFansClient, header: str, seconds: float | None
) -> None:
    outside.fail("onlyfans", STATEMENTS, status=429, headers={"Retry-After": header})
    with pytest.raises(Retryable) as raised:
        client.get_statement("acc_1", OPENS, OCTOBER)
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize(
    ("status", "said"), [(401, "connect the account again"), (403, "connect"), (404, "404"), (302, "302")]
)
def test_refusals_are_final(outside: Outside, client: OnlyFansClient, status: int, said: str) -> None:
    outside.fail("onlyfans", STATEMENTS, status=status, headers={"Location": f"{outside.gateway_url}/elsewhere"})
    with pytest.raises(Permanent, match=said):
        client.get_statement("acc_1", OPENS, OCTOBER)
    assert len(outside.list_requests(service="onlyfans")) == 1


def test_an_expired_session_is_a_refusal(outside: Outside, client: OnlyFansClient) -> None:
    with pytest.raises(Permanent, match=r"refused the stored credentials \(401\): connect the account again"):
        client.get_statement("acc_1", {"Authorization": "Bearer expired-token"}, OCTOBER)


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 500}, {"action": "garbage"}, {"action": "close_after"}])
def test_neither_errors_nor_logs_hold_the_token(
    outside: Outside, client: OnlyFansClient, caplog: pytest.LogCaptureFixture, fault: dict[str, object]
) -> None:
    caplog.set_level(logging.DEBUG)
    outside.fail("onlyfans", STATEMENTS, **fault)  # type: ignore[arg-type]
    with pytest.raises(WorkError) as raised:
        client.get_statement("acc_1", OPENS, OCTOBER)
    assert TOKEN not in "".join(traceback.format_exception(raised.value))
    assert TOKEN not in caplog.text


def test_knows_the_categories_of_the_table() -> None:
    from onlyfans.models import EarningsAggregate

    assert tuple(EarningsAggregate.Category.values) == (*CATEGORIES, "uncategorized")


def test_days_are_those_of_utc() -> None:
    assert (OCTOBER.first_day, OCTOBER.last_day) == (dt.date(2026, 10, 1), dt.date(2026, 10, 31))


@pytest.mark.parametrize("number", ["1e999999999", "-1E+400000", "NaN", "Infinity"])
def test_no_number_is_too_long_to_be_refused(number: str) -> None:
    body = json.loads('{"data": {"total": {"gross": %s, "total": 0}}}' % number, parse_float=Decimal)  # noqa: UP031
    with pytest.raises(Retryable):
        read_statement("acc_1", OCTOBER, body)
