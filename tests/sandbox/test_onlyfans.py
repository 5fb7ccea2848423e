"""The gateway's statements."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.onlyfans import CATEGORIES, net_of
from sandbox.server import Sandbox
from tests.sandbox.conftest import Control, plain

OCTOBER = ("2026-10-01", "2026-10-31")
CENTS = {"subscriptions": 123_450, "tips": 10_001, "messages": 3, "chargebacks": -2_000}


def fetch(
    sandbox: Sandbox, first: str = OCTOBER[0], last: str = OCTOBER[1], account: str = "acc_1", **headers: str
) -> httpx.Response:
    headers = {"Authorization": "Bearer token-1", "User-Agent": "Huntaze/1.0", **headers}
    url = f"{sandbox.http_url}/onlyfans/api/{account}/statistics/statements/earnings"
    return plain.get(url, params={"start_date": first, "end_date": last}, headers=headers)


def statement(sandbox: Sandbox, first: str = OCTOBER[0], last: str = OCTOBER[1], account: str = "acc_1") -> Any:
    response = fetch(sandbox, first, last, account)
    assert response.status_code == 200, response.text
    return response.json(parse_float=Decimal, parse_int=Decimal)["data"]


def test_seeded_figures_come_back_to_the_cent(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/onlyfans/acc_1/2026-10", **CENTS)
    data = statement(sandbox)
    assert list(data) == ["total", *CATEGORIES]
    assert (data["subscriptions"]["gross"], data["subscriptions"]["total"]) == (Decimal("1234.50"), Decimal("987.60"))
    assert (data["tips"]["gross"], data["tips"]["total"]) == (Decimal("100.01"), Decimal("80.01"))
    assert (data["messages"]["gross"], data["messages"]["total"]) == (Decimal("0.03"), Decimal("0.02"))
    assert (data["posts"]["gross"], data["posts"]["total"]) == (0, 0)
    assert (data["chargebacks"]["gross"], data["chargebacks"]["total"]) == (Decimal("-20.00"), Decimal("-16.00"))
    for figure in ("gross", "total"):
        assert data["total"][figure] == sum(data[category][figure] for category in CATEGORIES)


def test_amounts_are_json_numbers_with_two_decimals(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/onlyfans/acc_1/2026-10", subscriptions=[100, 80])
    assert '"gross": 1.00, "total": 0.80' in fetch(sandbox).text


def test_days_add_up_to_the_month(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/onlyfans/acc_1/2026-10", **CENTS)
    whole = statement(sandbox)
    parts = [statement(sandbox, "2026-10-01", "2026-10-07"), statement(sandbox, "2026-10-08", "2026-10-31")]
    for category in ("total", *CATEGORIES):
        for figure in ("gross", "total"):
            assert sum(part[category][figure] for part in parts) == whole[category][figure]
        chart = whole[category]["chartAmount"]
        assert [entry["date"][:10] for entry in chart] == [
            str(date(2026, 10, 1) + timedelta(days=day)) for day in range(31)
        ]
        assert sum(entry["count"] for entry in chart) == whole[category]["total"]


def test_unseeded_figures_are_plausible_and_always_the_same(sandbox: Sandbox, control: Control) -> None:
    first = fetch(sandbox).text
    control("POST", "/reset")
    assert fetch(sandbox).text == first
    assert fetch(sandbox, account="acc_2").text != first
    data = statement(sandbox)
    assert 0 < data["subscriptions"]["gross"] < 1_000_000
    for category in CATEGORIES:
        gross, net = (int(data[category][figure] * 100) for figure in ("gross", "total"))
        assert net == net_of(gross)
        assert (gross <= 0) == (category == "chargebacks")


def test_many_months_are_seeded_at_once(sandbox: Sandbox, control: Control) -> None:
    months = [{"account": f"acc_{number}", "month": "2026-10", "cents": {"tips": number}} for number in range(1, 4)]
    assert control("POST", "/onlyfans", months=months) == {"seeded": 3}
    assert statement(sandbox, account="acc_3")["total"]["gross"] == Decimal("0.03")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "unauthorized"),
        ({"Authorization": "Basic x"}, 401, "unauthorized"),
        ({"Authorization": "Bearer expired-1"}, 401, "session_expired"),
        ({"User-Agent": ""}, 403, "user_agent_required"),
    ],
)
def test_who_is_refused(sandbox: Sandbox, headers: dict[str, str], status: int, code: str) -> None:
    response = fetch(sandbox, **headers)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_a_token_of_its_own_and_an_account_that_is_gone(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/onlyfans/acc_1", token="token-2")
    assert fetch(sandbox).status_code == 401
    assert fetch(sandbox, Authorization="Bearer token-2").status_code == 200
    control("PUT", "/onlyfans/acc_1", token=None, missing=True)
    assert fetch(sandbox).json()["error"]["code"] == "account_not_found"
    assert fetch(sandbox, account="acc_2").status_code == 200


@pytest.mark.parametrize(
    ("first", "last"),
    [("", "2026-10-31"), ("2026-10-1", "2026-10-31"), ("2026-02-30", "2026-03-01"), ("2026-10-31", "2026-10-01")],
)
def test_days_that_make_no_sense(sandbox: Sandbox, first: str, last: str) -> None:
    assert fetch(sandbox, first, last).status_code == 422


def test_faults_for_one_account_and_for_all(sandbox: Sandbox, control: Control) -> None:
    control.fault("status", service="onlyfans", path="/api/acc_1/", status=429, headers={"Retry-After": "7"})
    limited = fetch(sandbox)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert fetch(sandbox).status_code == 200
    control.fault("status", service="onlyfans", times=None)
    assert {fetch(sandbox, account=account).status_code for account in ("acc_1", "acc_2")} == {500}
    control("DELETE", "/faults")
    control.fault("garbage", service="onlyfans")
    assert "<html>" in fetch(sandbox).text
    control.fault("close_before", service="onlyfans")
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(sandbox)
    assert [entry["fault"] for entry in control.requests(service="onlyfans")][-2:] == ["garbage", "close_before"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("acc_1/2026-13", {}),
        ("acc_1/2026-10", {"gifts": 5}),
        ("acc_1/2026-10", {"tips": 1.5}),
        ("acc_1/2026-10", {"chargebacks": 5}),
        ("acc_1", {"colour": "red"}),
    ],
)
def test_seeds_that_make_no_sense(sandbox: Sandbox, control: Control, path: str, body: dict[str, Any]) -> None:
    before = fetch(sandbox).text
    assert control.client.put(f"/onlyfans/{path}", json=body).status_code == 400
    assert fetch(sandbox).text == before
