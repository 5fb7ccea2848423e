"""Revenue, as the roll-ups have it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet, Sum

from analytics.models import RevenueRollup
from analytics.registry import Scope, list_revenue_sources
from common.clock import Month, now

Level = RevenueRollup.Level


@dataclass(frozen=True, slots=True)
class Revenue:
    """A sum in one currency: of a month, a category, an organization or a creator, whichever was asked for."""

    currency: str
    gross_cents: int
    net_cents: int
    creators: int = 0
    month: dt.date | None = None
    category: str = ""
    organization: str | None = None
    organization_name: str = ""
    provider: str = ""
    creator: str = ""


def list_by_month(scope: Scope) -> list[Revenue]:
    """List months with their sums, the oldest first; each also by category. Rows without a category are totals."""
    rows = _rows(scope).order_by("month", "category")
    sums = rows.values_list("month", "category", "currency").annotate(
        Sum("gross_cents"), Sum("net_cents"), Sum("creators")
    )
    return [
        Revenue(currency, gross, net, creators, month, category)
        for month, category, currency, gross, net, creators in sums
    ]


def list_months(scope: Scope, rows: Iterable[Revenue]) -> list[dt.date]:
    """List every month that the days touch, up to the present one or a later one that has revenue."""
    known = max((row.month for row in rows if row.month), default=scope.first_month)
    last = min(scope.last_month, max(known, Month.of(now()).first_day))
    first = Month.of(scope.first_month)
    return [first.plus(months).first_day for months in range(first.months_until(Month.of(last)) + 1)]


def is_running(months: list[dt.date]) -> bool:
    """Return whether the last of these months is the present one."""
    return bool(months) and months[-1] == Month.of(now()).first_day


def list_categories() -> dict[str, str]:
    """Return the titles of all categories by name, in the order in which people read them."""
    return {name: title for source in list_revenue_sources() for name, title in source.categories.items()}


def sum_up(rows: Iterable[Revenue]) -> list[Revenue]:
    """Add up totals by currency, the largest first."""
    found: dict[str, Revenue] = {}
    for row in rows:
        if not row.category:
            so_far = found.get(row.currency, Revenue(row.currency, 0, 0))
            found[row.currency] = Revenue(
                row.currency, so_far.gross_cents + row.gross_cents, so_far.net_cents + row.net_cents
            )
    return sorted(found.values(), key=lambda row: (-row.gross_cents, row.currency))


def _rows(scope: Scope) -> QuerySet[RevenueRollup]:
    """Choose the level that has what is asked for as a few rows."""
    rows = RevenueRollup.objects.filter(month__gte=scope.first_month, month__lte=scope.last_month)
    if scope.creator:
        return rows.filter(level=Level.CREATOR, provider=scope.provider, creator=scope.creator)
    if scope.organization:
        return rows.filter(level=Level.ORGANIZATION, organization=scope.organization)
    return rows.filter(level=Level.ALL)
