"""The gateway's transactions, and sessions that end."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from tests.sandbox.conftest import Control, plain

SALES = [
    {"type": "tip", "cents": 1_003, "day": 2, "id": "tr_a"},
    {"type": "message", "cents": 500, "day": 3, "id": "tr_b"},
    {"type": "chargeback", "cents": -1_003, "day": 9, "id": "tr_c", "reverses": "tr_a"},
]


def fetch(sandbox: Sandbox, path: str = "transactions", account: str = "acc_1", **query: str) -> httpx.Response:
    headers = {"Authorization": "Bearer token-1", "User-Agent": "Huntaze/1.0"}
    days = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
    return plain.get(f"{sandbox.http_url}/onlyfans/api/{account}/{path}", params={**days, **query}, headers=headers)


def read(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json(parse_float=Decimal)["data"]


def test_pages_newest_first_and_the_statement_is_made_of_them(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/onlyfans/acc_1/2026-10/transactions", transactions=SALES)
    first = read(fetch(sandbox, limit="2"))
    assert [one["id"] for one in first["list"]] == ["tr_c", "tr_b"]
    assert (first["hasMore"], first["marker"]) == (True, "tr_b")
    last = read(fetch(sandbox, limit="2", marker="tr_b"))
    assert [one["id"] for one in last["list"]] == ["tr_a"]
    assert (last["hasMore"], last["marker"]) == (False, None)
    back = first["list"][0]
    assert (back["amount"], back["fee"], back["net"]) == (Decimal("-10.03"), Decimal("-2.01"), Decimal("-8.02"))
    assert back["reverses"] == "tr_a"
    statement = read(fetch(sandbox, "statistics/statements/earnings"))
    assert (statement["tips"]["total"], statement["chargebacks"]["total"]) == (Decimal("8.02"), Decimal("-8.02"))
    assert statement["total"]["gross"] == Decimal("5.00")


def test_what_is_not_seeded_adds_up_to_the_statement(sandbox: Sandbox) -> None:
    found: list[Any] = []
    marker: dict[str, str] = {}
    while True:
        page = read(fetch(sandbox, **marker))
        found += page["list"]
        if not page["hasMore"]:
            break
        marker = {"marker": page["marker"]}
    total = read(fetch(sandbox, "statistics/statements/earnings"))["total"]
    assert sum(one["amount"] for one in found) == total["gross"]
    assert sum(one["net"] for one in found) == total["total"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"marker": "tr_x"}, {"page": "2"}])
def test_questions_that_make_no_sense(sandbox: Sandbox, query: dict[str, str]) -> None:
    assert fetch(sandbox, **query).status_code == 422


@pytest.mark.parametrize(
    "sale",
    [
        {"type": "gift", "cents": 1},
        {"type": "tip", "cents": -1},
        {"type": "chargeback", "cents": -1},
        {"type": "tip", "cents": 1, "reverses": "tr_a"},
        {"type": "tip", "cents": 1, "day": 32},
        {"type": "tip", "cents": 1, "colour": "red"},
    ],
)
def test_seeds_that_make_no_sense(sandbox: Sandbox, control: Control, sale: dict[str, Any]) -> None:
    body = {"transactions": [sale]}
    assert control.client.put("/onlyfans/acc_1/2026-10/transactions", json=body).status_code == 400


def test_a_session_that_ends_after_some_requests(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/onlyfans/acc_1", expires_after=2)
    assert [fetch(sandbox).status_code for _ in range(3)] == [200, 200, 401]
    assert fetch(sandbox).json()["error"]["code"] == "session_expired"
    control("PUT", "/onlyfans/acc_1", expires_after=None)
    assert fetch(sandbox).status_code == 200
