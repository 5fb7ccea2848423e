"""The gateway's transactions: single sales and reversals, a page at a time, newest first."""

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from sandbox.stripe.amounts import decimals

KINDS = {
    "subscription": "subscriptions",
    "tip": "tips",
    "message": "messages",
    "post": "posts",
    "stream": "streams",
    "referral": "referrals",
    "chargeback": "chargebacks",
}
MOST_A_PAGE = 100
_KNOWN = {"id", "type", "day", "cents", "net_cents", "reverses"}
Transaction = dict[str, Any]


def seeded(month: str, given: Iterable[Any], net_of: Any) -> list[Transaction]:
    """A month's transactions as they are kept, from what a test says of them. Raises ValueError."""
    found = []
    for number, entry in enumerate(given, start=1):
        if strange := entry.keys() - _KNOWN:
            raise ValueError(f"unknown field {sorted(strange)[0]}; known are {', '.join(sorted(_KNOWN))}")
        kind, cents, reverses = entry["type"], entry["cents"], entry.get("reverses")
        if kind not in KINDS:
            raise ValueError(f"unknown type {kind}; known are {', '.join(KINDS)}")
        if (kind == "chargeback") != (cents < 0) or (kind == "chargeback") != bool(reverses):
            raise ValueError("a chargeback is negative and names what it reverses, and nothing else does")
        day = int(entry.get("day", 1))
        at = date.fromisoformat(f"{month}-{day:02}")
        found.append(
            {
                "id": str(entry.get("id", f"tr_{month}_{number}")),
                "type": kind,
                "day": str(at),
                "cents": int(cents),
                "net_cents": int(entry.get("net_cents", net_of(cents))),
                "reverses": reverses,
            }
        )
    return found


def made_from(account: str, days: dict[str, list[tuple[date, int, int]]]) -> list[Transaction]:
    """Transactions that add up to what a statement says: one a day and category."""
    kinds = {category: kind for kind, category in KINDS.items()}
    found = [
        {
            "id": f"tr_{account}_{day}_{kinds[category]}",
            "type": kinds[category],
            "day": str(day),
            "cents": gross,
            "net_cents": net,
            "reverses": f"tr_{account}_{day}_subscription" if category == "chargebacks" else None,
        }
        for category, entries in days.items()
        for day, gross, net in entries
        if gross or net
    ]
    return sorted(found, key=lambda one: (one["day"], one["id"]))


def page(
    found: list[Transaction], currency: str, limit: str | None, marker: str | None, round_trip: list[str] | None
) -> str:
    """The JSON text of one page; its marker leads on, or through those of a round trip and back to its first.

    Raises ValueError for a limit or a marker that is none.
    """
    size = int(limit) if limit and limit.isdecimal() else 0 if limit else MOST_A_PAGE
    if not 1 <= size <= MOST_A_PAGE:
        raise ValueError(f"limit must be from 1 to {MOST_A_PAGE}")
    newest = sorted(found, key=lambda one: (one["day"], one["id"]), reverse=True)
    start = 0
    if marker:
        places = [place for place, one in enumerate(newest, start=1) if one["id"] == marker]
        if not places:
            raise ValueError("marker is none that was given out")
        start = places[0]
    part = newest[start : start + size]
    more = start + size < len(newest)
    leads_to = part[-1]["id"] if more else None
    if round_trip:
        place = round_trip.index(marker) + 1 if marker in round_trip else 0
        more, leads_to = True, round_trip[place % len(round_trip)]
    body = {
        "data": {"list": [_shown(one, currency) for one in part], "hasMore": more, "marker": leads_to},
    }
    return as_numbers(json.dumps(body, ensure_ascii=False))


def _shown(one: Transaction, currency: str) -> dict[str, Any]:
    return {
        "id": one["id"],
        "createdAt": f"{one['day']}T12:00:00+00:00",
        "type": one["type"],
        "currency": currency,
        "amount": written(one["cents"], currency),
        "fee": written(one["cents"] - one["net_cents"], currency),
        "net": written(one["net_cents"], currency),
        "reverses": one["reverses"],
    }


def written(cents: int, currency: str) -> str:
    """A mark that becomes a JSON number with the currency's decimals once the whole text is written."""
    sign, places = "-" if cents < 0 else "", decimals(currency)
    whole, rest = divmod(abs(cents), 10**places)
    return f"¤{sign}{whole}" + (f".{rest:0{places}d}" if places else "")


def as_numbers(text: str) -> str:
    """The text with each mark made a number."""
    return re.sub(r'"¤(-?\d+(?:\.\d+)?)"', r"\1", text)
