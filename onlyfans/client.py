"""The gateway to OnlyFans, which has no official API: earnings statements, in cents, gross and net.

Addresses and paths are settings; the shape of an answer is read in one place, `_read_statement`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from urllib.parse import quote

from common.clock import Month
from common.errors import Permanent, Retryable
from common.http import get_json, new_client
from common.money import to_cents

SERVICE = "The OnlyFans gateway"
# How what is read here is marked as an aggregate's source.
GATEWAY_SOURCE = "gateway"
CATEGORIES = ("subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks")
# Beyond this an answer is garbage, some of it of a length that no memory holds.
_MOST = 10**12


@dataclass(frozen=True)
class CategoryEarnings:
    """A category's month, in cents; `net` is what OnlyFans leaves after its fee, chargebacks are negative."""

    category: str
    gross_cents: int
    net_cents: int


@dataclass(frozen=True)
class Statement:
    """One account's month."""

    account: str
    month: Month
    currency: str
    earnings: tuple[CategoryEarnings, ...]

    def describe(self) -> dict[str, Any]:
        """Sum it up for a run's page."""
        reversed_cents = sum(part.gross_cents for part in self.earnings if part.category == "chargebacks")
        return {
            "currency": self.currency,
            "gross_cents": sum(part.gross_cents for part in self.earnings),
            "net_cents": sum(part.net_cents for part in self.earnings),
            "chargebacks_cents": reversed_cents,
        }


class OnlyFansClient:
    """Reads from the gateway; close it, or use it as a context manager."""

    def __init__(self, base_url: str, user_agent: str, earnings_path: str) -> None:
        self._http = new_client(base_url, {"User-Agent": user_agent, "Accept": "application/json"})
        self._earnings_path = earnings_path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get_statement(self, account: str, credentials: Mapping[str, str], month: Month) -> Statement:
        """Read an account's earnings of a whole month (UTC); `credentials` are the headers that open the account.

        Raises Retryable for what may heal (5xx, time-out, garbage), Refused for expired credentials and Permanent for
        any other refusal.
        """
        body = get_json(
            self._http,
            self._earnings_path.format(account=quote(account, safe="")),
            service=SERVICE,
            params={"start_date": _day(month.first_day), "end_date": _day(month.last_day)},
            headers=dict(credentials),
        )
        return _read_statement(account, month, body)


def _day(day: dt.date) -> str:
    return day.isoformat()


def _read_statement(account: str, month: Month, body: Any) -> Statement:
    try:
        data = body["data"]
        earnings = tuple(_read_category(name, data[name]) for name in CATEGORIES if name in data)
        total = _read_category("total", data["total"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise Retryable(f"{SERVICE} sent a statement that could not be read.") from None
    sums = sum(part.gross_cents for part in earnings), sum(part.net_cents for part in earnings)
    if sums != (total.gross_cents, total.net_cents):
        raise Permanent(
            f"{SERVICE} sent a statement whose categories do not add up to its total "
            f"({sums[0]} and {sums[1]} cents against {total.gross_cents} and {total.net_cents})."
        )
    return Statement(account, month, "USD", earnings)


def _read_category(name: str, part: Mapping[str, Any]) -> CategoryEarnings:
    gross, net = (to_cents(_decimal(part[field]), "USD") for field in ("gross", "total"))
    return CategoryEarnings(name, gross, net)


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    amount = Decimal(value)
    if abs(amount) > _MOST:
        raise ValueError("no month is worth that much")
    return amount
