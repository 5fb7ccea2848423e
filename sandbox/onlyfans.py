"""A stand-in for the OnlyFans gateway: monthly earnings statements, made up from the account's name or seeded.

Figures are kept in cents for a whole month and spread over its days, so that statements of parts of a month add
up to that of the whole.
"""

import hashlib
import json
import random
import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.exchange import Exchange, Network
from sandbox.faults import AFTER, BEFORE
from sandbox.store import Store
from sandbox.transactions import KINDS, Transaction, as_numbers, made_from, page, seeded, written

CATEGORIES = ("subscriptions", "tips", "messages", "posts", "streams", "referrals", "chargebacks")
ACCOUNTS, MONTHS, SALES = "onlyfans.accounts", "onlyfans.months", "onlyfans.sales"
_FEE_PERCENT = 20
_SHARES = {"subscriptions": 40, "tips": 15, "messages": 30, "posts": 6, "streams": 5, "referrals": 4}
_LONGEST_DAYS = 366
_SETTINGS = {"token", "session", "expires_after", "missing", "currency", "leads_round"}
# Statements in dollars do not say so.
_OTHERWISE = "USD"
Figures = dict[str, tuple[int, int]]
Days = dict[str, list[tuple[date, int, int]]]


class Gateway:
    """`GET /onlyfans/api/{account}/statistics/statements/earnings` or `…/transactions`, `?start_date=…&end_date=…`"""

    def __init__(self, store: Store, network: Network) -> None:
        self.store, self.network = store, network

    async def __call__(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/onlyfans")
        exchange = self.network.begin("onlyfans", request, path, request.url.query)
        exchange.note(user_agent=request.headers.get("user-agent"))
        fault = exchange.fault
        if fault and fault.action in BEFORE:
            return await exchange.break_off(fault)
        await exchange.delay()
        if fault and fault.action in AFTER:
            return await exchange.break_off(fault)
        if fault:
            body = fault.body or {"error": {"code": str(fault.status), "message": "The gateway has a problem."}}
            return _answer(exchange, fault.status, json.dumps(body), fault.headers)
        status, text = self._read(request, request.path_params["account"])
        return _answer(exchange, status, text)

    def _read(self, request: Request, account: str) -> tuple[int, str]:
        pages = request.url.path.endswith("/transactions")
        if refusal := self._refusal(request, account):
            return refusal
        query = request.query_params
        if strange := set(query) - {"start_date", "end_date", *(("limit", "marker") if pages else ())}:
            return _problem(422, "validation_error", f"Unknown parameter: {sorted(strange)[0]}")
        try:
            first, last = (_day(query.get(name), name) for name in ("start_date", "end_date"))
        except ValueError as error:
            return _problem(422, "validation_error", str(error))
        if not 0 <= (last - first).days <= _LONGEST_DAYS:
            return _problem(422, "validation_error", "end_date must be within a year after start_date")
        if not pages:
            return 200, self.statement(account, first, last)
        try:
            return 200, page(
                self.transactions(account, first, last),
                self._currency(account),
                query.get("limit"),
                query.get("marker"),
                (self.store.get(ACCOUNTS, account) or {}).get("leads_round"),
            )
        except ValueError as error:
            return _problem(422, "validation_error", str(error))

    def _refusal(self, request: Request, account: str) -> tuple[int, str] | None:
        known = self.store.get(ACCOUNTS, account) or {}
        kind, given = _credentials(request)
        if not given:
            return _problem(401, "unauthorized", "Send the account's token as Authorization: Bearer …, or its cookie")
        if "expired" in given or given != known.get(kind, given) or self._has_expired(account, known):
            return _problem(401, "session_expired", "The account's session has expired; connect it again.")
        if not request.headers.get("user-agent"):
            return _problem(403, "user_agent_required", "A User-Agent header is required.")
        if known.get("missing"):
            return _problem(404, "account_not_found", f"There is no account {account}.")
        return None

    def _has_expired(self, account: str, known: dict[str, Any]) -> bool:
        """Counts a request of a session that is to end after so many."""
        left = known.get("expires_after")
        if left:
            self.set_account(account, expires_after=left - 1)
        return left == 0

    def statement(self, account: str, first: date, last: date) -> str:
        """The JSON text of a statement over the days from `first` to `last`, both included."""
        now = self._days(account, first, last)
        span = last - first
        earlier = self._days(account, first - span - timedelta(days=1), first - timedelta(days=1))
        currency = self._currency(account)
        body: dict[str, Any] = {name: _block(now[name], earlier[name], currency) for name in CATEGORIES}
        body = {"total": _block(_summed(now), _summed(earlier), currency), **body}
        if currency != _OTHERWISE:
            body["currency"] = currency
        return as_numbers(json.dumps({"data": body}, ensure_ascii=False))

    def _currency(self, account: str) -> str:
        return str((self.store.get(ACCOUNTS, account) or {}).get("currency", _OTHERWISE))

    def _days(self, account: str, first: date, last: date) -> Days:
        days: Days = {category: [] for category in CATEGORIES}
        for start in _months(first, last):
            if sold := self._sold(account, start):
                for one in sold:
                    entry = date.fromisoformat(one["day"]), one["cents"], one["net_cents"]
                    days[KINDS[one["type"]]] += [entry] if first <= entry[0] <= last else []
                continue
            for category, (gross, net) in self.figures(account, start).items():
                spread = _spread(account, start, category, gross, net)
                days[category] += [entry for entry in spread if first <= entry[0] <= last]
        return days

    def transactions(self, account: str, first: date, last: date) -> list[Transaction]:
        """The transactions of some days: as seeded, or else such that they add up to the statement."""
        found: list[Transaction] = []
        for start in _months(first, last):
            end = start.replace(day=monthrange(start.year, start.month)[1])
            within = self._days(account, max(first, start), min(last, end))
            found += self._sold(account, start) or made_from(account, within)
        return [one for one in found if str(first) <= one["day"] <= str(last)]

    def _sold(self, account: str, month: date) -> list[Transaction]:
        kept = self.store.get(SALES, f"{account} {month:%Y-%m}")
        return list(kept["transactions"]) if kept else []

    def seed_sales(self, account: str, month: str, given: list[Any]) -> list[Transaction]:
        """Sets a month's transactions, of which its statement is then made. Raises ValueError."""
        found = seeded(month, given, net_of)
        self.store.put(SALES, {"id": f"{account} {month}", "transactions": found})
        return found

    def figures(self, account: str, month: date) -> Figures:
        """Gross and net cents by category, as seeded or else made up."""
        seeded = self.store.get(MONTHS, f"{account} {month:%Y-%m}")
        if seeded is None:
            return _made_up(account, month)
        return {category: tuple(seeded["figures"].get(category, (0, 0))) for category in CATEGORIES}

    def seed(self, account: str, month: str, cents: dict[str, Any]) -> Figures:
        """Sets a month's figures: gross cents by category, or `[gross, net]`. Raises ValueError."""
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
            raise ValueError("the month is written as 2026-10")
        if strange := cents.keys() - set(CATEGORIES):
            raise ValueError(f"unknown category {sorted(strange)[0]}; known are {', '.join(CATEGORIES)}")
        figures = {category: _pair(category, cents.get(category, 0)) for category in CATEGORIES}
        self.store.put(MONTHS, {"id": f"{account} {month}", "figures": figures})
        return figures

    def set_account(self, account: str, **values: Any) -> dict[str, Any]:
        """Sets an account's `token`, its `session` (the cookie), after how many requests either `expires_after`, or
        its `currency`, or through which markers its list `leads_round` without end, or marks it `missing`.

        A value of None unsets.
        """
        if strange := values.keys() - _SETTINGS:
            raise ValueError(f"unknown setting {sorted(strange)[0]}; known are {', '.join(sorted(_SETTINGS))}")
        current = {**(self.store.get(ACCOUNTS, account) or {"id": account}), **values}
        current = {key: value for key, value in current.items() if value is not None}
        self.store.put(ACCOUNTS, current)
        return current


def _credentials(request: Request) -> tuple[str, str]:
    """What opens the account: its token, or else the cookie of a session."""
    token = request.headers.get("authorization", "")
    if token.startswith("Bearer "):
        return "token", token.removeprefix("Bearer ").strip()
    return "session", request.headers.get("cookie", "")


def net_of(gross: int) -> int:
    """What is left of an amount after the platform's fee, which is rounded to the cent, half to even."""
    fee, rest = divmod(abs(gross) * _FEE_PERCENT, 100)
    fee += rest > 50 or (rest == 50 and fee % 2 == 1)
    return gross - fee if gross >= 0 else gross + fee


def _pair(category: str, value: Any) -> tuple[int, int]:
    gross, net = value if isinstance(value, list | tuple) else (value, None)
    for part in (gross, 0 if net is None else net):
        if not isinstance(part, int) or isinstance(part, bool):
            raise ValueError(f"{category}: amounts are whole cents")
    if category == "chargebacks" and gross > 0:
        raise ValueError("chargebacks: amounts are negative")
    return gross, net_of(gross) if net is None else net


def _made_up(account: str, month: date) -> Figures:
    chance = _chance(account)
    size = int(chance.lognormvariate(12.9, 0.8))
    chance = _chance(f"{account} {month:%Y-%m}")
    size = int(size * chance.uniform(0.85, 1.2))
    figures = {}
    for category, share in _SHARES.items():
        gross = int(size * share * chance.uniform(0.7, 1.3) / 100)
        figures[category] = (gross, net_of(gross))
    reversed_cents = -int(size * chance.choice((0, 0, 0.01, 0.02)))
    figures["chargebacks"] = (reversed_cents, net_of(reversed_cents))
    return figures


def _chance(seed: str) -> random.Random:
    return random.Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311 - figures, not secrets


def _spread(account: str, start: date, category: str, gross: int, net: int) -> Iterator[tuple[date, int, int]]:
    """A month's cents over its days: uneven, but exact when all days are added up."""
    days = monthrange(start.year, start.month)[1]
    chance = _chance(f"{account} {start} {category}")
    weights = [chance.randint(1, 20) for _ in range(days)]
    whole, so_far = sum(weights), 0
    given = [0, 0]
    for number, weight in enumerate(weights):
        so_far += weight
        parts = []
        for index, amount in enumerate((gross, net)):
            upto = abs(amount) * so_far // whole * (1 if amount >= 0 else -1)
            parts.append(upto - given[index])
            given[index] = upto
        yield start + timedelta(days=number), parts[0], parts[1]


def _summed(days: Days) -> list[tuple[date, int, int]]:
    sums: dict[date, list[int]] = {}
    for entries in days.values():
        for day, gross, net in entries:
            both = sums.setdefault(day, [0, 0])
            both[0] += gross
            both[1] += net
    return [(day, gross, net) for day, (gross, net) in sorted(sums.items())]


def _block(days: list[tuple[date, int, int]], earlier: list[tuple[date, int, int]], currency: str) -> dict[str, Any]:
    gross, net = sum(day[1] for day in days), sum(day[2] for day in days)
    before = sum(day[2] for day in earlier)
    return {
        "gross": written(gross, currency),
        "total": written(net, currency),
        "delta": round((net - before) * 100 / abs(before)) if before else 0,
        "chartAmount": [
            {"date": f"{day}T00:00:00+00:00", "count": written(amount, currency)} for day, _, amount in days
        ],
    }


def _day(text: str | None, name: str) -> date:
    if text is None:
        raise ValueError(f"{name} is required")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(f"{name} must be a day, written as 2026-10-31")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} is no day of the calendar") from None


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _problem(status: int, code: str, message: str) -> tuple[int, str]:
    return status, json.dumps({"error": {"code": code, "message": message}})


def _answer(exchange: Exchange, status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    exchange.note(status=status)
    return Response(text, status, headers, "application/json")
