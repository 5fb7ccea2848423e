"""Earnings, as they come in."""

import datetime as dt
from typing import Any

from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsAggregate
from onlyfans.services.ingesting import IncomingAggregate, Outcome, ingest_aggregates

OCTOBER = Month(2026, 10)
NOW = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
TOTAL = "uncategorized"


def make_row(user_id: str = "of_aurora", cents: int = 1_000, **values: Any) -> IncomingAggregate:
    """Make a version of a month that is all totals, of which creators keep 80 %."""
    given: dict[str, Any] = {
        "user_id": user_id,
        "month": OCTOBER,
        "currency": "USD",
        "parts": {TOTAL: (cents, cents * 8 // 10)},
        "received_at": NOW,
        "source": "api",
        **values,
    }
    return IncomingAggregate(**given)


def take_in(*rows: IncomingAggregate) -> list[str]:
    """Take rows in; return their outcomes."""
    outcomes: list[Outcome] = ingest_aggregates(rows, NOW)
    return [str(outcome) for outcome in outcomes]


def see_month(creator: CreatorAccount, month: Month = OCTOBER) -> dict[str, tuple[int, int]]:
    """Gross and net cents by category, as they stand."""
    rows = EarningsAggregate.objects.filter(creator=creator, month=month.first_day)
    return {row.category: (row.gross_cents, row.net_cents) for row in rows}
