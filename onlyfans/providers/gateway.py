"""The gateway to OnlyFans, which has no official API: statements and transactions, gross and net, in minor units.

Addresses and paths are settings; the shape of an answer is read in one place each, `_read_statement` and `read_page`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from common.clock import Month
from common.errors import Permanent, Retryable
from common.http import get_json, new_client, path_part
from common.money import CURRENCIES, MOST_CENTS, format_money, minor_digits, to_cents

SERVICE = "The OnlyFans gateway"
# How what is read here is marked as an aggregate's source.
GATEWAY_SOURCE = "gateway"
CATEGORIES = ("subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks")
# What the gateway calls a transaction, and the category that it counts in.
TYPES = {
    "subscription": "subscriptions",
    "tip": "tips",
    "message": "messages",
    "post": "posts",
    "stream": "streams",
    "referral": "referrals",
    "chargeback": "chargebacks",
}
FEE_PERCENT = 20
# OnlyFans pays in dollars, and its statements need not say so.
_OTHERWISE = "USD"


@dataclass(frozen=True)
class CategoryEarnings:
    """A category's month, in minor units; `net` is what OnlyFans leaves after its fee, chargebacks are negative."""

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

    @property
    def net_cents(self) -> int:
        """The net amount of all categories."""
        return sum(part.net_cents for part in self.earnings)

    def describe(self) -> dict[str, Any]:
        """Sum it up for a run's page."""
        reversed_cents = sum(part.gross_cents for part in self.earnings if part.category == "chargebacks")
        return {
            "currency": self.currency,
            "gross_cents": sum(part.gross_cents for part in self.earnings),
            "net_cents": self.net_cents,
            "chargebacks_cents": reversed_cents,
        }


@dataclass(frozen=True, slots=True)
class Transaction:
    """One sale, or one reversal of an earlier one (`reverses` is its id), which is negative; in minor units."""

    id: str
    occurred_at: dt.datetime
    category: str
    currency: str
    gross_cents: int
    fee_cents: int
    net_cents: int
    reverses: str = ""

    def check(self, month: Month) -> None:
        """Refuse what contradicts itself, so that no figure is made of it."""
        wrong = ""
        if not self.category:
            wrong = "is of a type that nobody knows"
        elif self.currency not in CURRENCIES:
            wrong = f"is in a currency that we don't accept ({self.currency[:10]})"
        elif not self.id or len(self.id) > 128:
            wrong = "has no id that can be kept"
        elif self.net_cents != self.gross_cents - self.fee_cents:
            gross, fee, net = (
                format_money(cents, self.currency) for cents in (self.gross_cents, self.fee_cents, self.net_cents)
            )
            wrong = f"leaves {net} of {gross} less {fee}"
        elif (self.category == "chargebacks") != bool(self.reverses) or (self.reverses and self.gross_cents > 0):
            wrong = "is a reversal that is not negative, or points at nothing"
        elif Month.of(self.occurred_at) != month:
            wrong = f"is not of {month}"
        if wrong:
            raise Permanent(f"{SERVICE} sent transaction {self.id[:128] or '?'}, which {wrong}.")


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """Some transactions, and what leads to the next page; empty on the last one."""

    transactions: tuple[Transaction, ...]
    cursor: str


class OnlyFansClient:
    """Reads from the gateway; close it, or use it as a context manager."""

    def __init__(
        self, base_url: str, user_agent: str, earnings_path: str, transactions_path: str = "", page_size: int = 100
    ) -> None:
        self._http = new_client(base_url, {"User-Agent": user_agent, "Accept": "application/json"})
        self._earnings_path, self._transactions_path, self._page_size = earnings_path, transactions_path, page_size

    @property
    def lists_transactions(self) -> bool:
        """Whether this gateway lists single transactions."""
        return bool(self._transactions_path)

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
            self._earnings_path.format(account=path_part(account)),
            service=SERVICE,
            params={"start_date": _day(month.first_day), "end_date": _day(month.last_day)},
            headers=dict(credentials),
        )
        return _read_statement(account, month, body)

    def get_transactions(
        self, account: str, credentials: Mapping[str, str], month: Month, cursor: str
    ) -> TransactionPage:
        """Read a page of an account's transactions of a month; the first one with an empty cursor.

        Raises what `get_statement` raises, and Permanent where a transaction contradicts itself.
        """
        body = get_json(
            self._http,
            self._transactions_path.format(account=path_part(account)),
            service=SERVICE,
            params={
                "start_date": _day(month.first_day),
                "end_date": _day(month.last_day),
                "limit": self._page_size,
                **({"marker": cursor} if cursor else {}),
            },
            headers=dict(credentials),
        )
        return read_page(month, body)


def _day(day: dt.date) -> str:
    return day.isoformat()


def read_page(month: Month, body: Any) -> TransactionPage:
    """Read a page of transactions; *unverified* shape, read nowhere else."""
    try:
        data = body["data"]
        found = tuple(_read_transaction(entry) for entry in data["list"])
        cursor = str(data["marker"]) if data["hasMore"] else ""
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError):
        raise Retryable(f"{SERVICE} sent transactions that could not be read.") from None
    for one in found:
        one.check(month)
    return TransactionPage(found, cursor)


def _read_transaction(entry: Mapping[str, Any]) -> Transaction:
    currency = str(entry["currency"])
    gross = _read_amount(entry["amount"], currency)
    fee = _read_amount(entry["fee"], currency) if entry.get("fee") is not None else fee_of(gross)
    return Transaction(
        id=str(entry["id"]),
        occurred_at=dt.datetime.fromisoformat(entry["createdAt"]).astimezone(dt.UTC),
        category=TYPES.get(entry["type"], ""),
        currency=currency,
        gross_cents=gross,
        fee_cents=fee,
        net_cents=_read_amount(entry["net"], currency) if entry.get("net") is not None else gross - fee,
        reverses=str(entry.get("reverses") or ""),
    )


def fee_of(gross_cents: int) -> int:
    """Compute what OnlyFans keeps of one transaction: a fifth, rounded to the smallest unit, half to even."""
    return round(Decimal(gross_cents) * FEE_PERCENT / 100)


def _read_statement(account: str, month: Month, body: Any) -> Statement:
    try:
        data = body["data"]
        currency = str(data.get("currency") or _OTHERWISE)
        earnings = tuple(_read_category(name, data[name], currency) for name in CATEGORIES if name in data)
        total = _read_category("total", data["total"], currency)
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError):
        raise Retryable(f"{SERVICE} sent a statement that could not be read.") from None
    sums = sum(part.gross_cents for part in earnings), sum(part.net_cents for part in earnings)
    if sums != (total.gross_cents, total.net_cents):
        raise Permanent(
            f"{SERVICE} sent a statement whose categories do not add up to its total "
            f"({_write(sums, currency)} against {_write((total.gross_cents, total.net_cents), currency)})."
        )
    if currency not in CURRENCIES:
        raise Permanent(f"{SERVICE} sent a statement in a currency that we don't accept: {currency[:10]}.")
    return Statement(account, month, currency, earnings)


def _write(amounts: tuple[int, int], currency: str) -> str:
    return " and ".join(format_money(cents, currency) for cents in amounts)


def _read_category(name: str, part: Mapping[str, Any], currency: str) -> CategoryEarnings:
    gross, net = (_read_amount(part[field], currency) for field in ("gross", "total"))
    return CategoryEarnings(name, gross, net)


def _read_amount(value: object, currency: str) -> int:
    """Read an amount in the currency's major unit, as the gateway writes all of them."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    amount = Decimal(value)
    # Some garbage is of a length that no memory holds.
    if abs(amount) > Decimal(MOST_CENTS).scaleb(-minor_digits(currency)):
        raise ValueError("no month is worth that much")
    return to_cents(amount, currency)
