"""Revenue, as the roll-ups have it."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet, Sum

from analytics.models import RevenueRollup
from analytics.registry import Scope, list_revenue_sources

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


_RANKED = """
    WITH sums AS (
        SELECT currency, CASE level WHEN 'creator' THEN provider ELSE '' END AS source, creator, organization_id,
            sum(gross_cents)::bigint AS gross, sum(net_cents)::bigint AS net, max(creators) AS creators
        FROM analytics_revenuerollup
        WHERE level = %(level)s AND category = '' AND month BETWEEN %(first)s AND %(last)s
            AND (%(organization)s = '' OR organization_id = %(organization)s)
            AND (%(creator)s = '' OR (provider = %(provider)s AND creator = %(creator)s))
        GROUP BY currency, source, creator, organization_id
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY currency ORDER BY gross DESC, organization_id, creator) AS place
        FROM sums
    )
    SELECT ranked.currency, gross, net, creators, organization_id, owner.name, source, creator
    FROM ranked JOIN accounts_organization owner ON owner.id = organization_id
    WHERE %(limit)s::int IS NULL OR place <= %(limit)s
    ORDER BY ranked.currency, place
"""


def list_by_organization(scope: Scope) -> list[Revenue]:
    """List the organizations that earned most, by currency; as many of each as there is room for."""
    return _rank(scope, Level.ORGANIZATION)


def list_by_creator(scope: Scope) -> list[Revenue]:
    """List the creators who earned most, by currency; as many of each as there is room for."""
    return _rank(scope, Level.CREATOR)


def _rank(scope: Scope, level: str) -> list[Revenue]:
    values: dict[str, Any] = {
        "level": str(level),
        "first": scope.first_month,
        "last": scope.last_month,
        "organization": scope.organization,
        "provider": scope.provider,
        "creator": scope.creator,
        "limit": scope.limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RANKED, values)
        rows = cursor.fetchall()
    return [
        Revenue(
            currency, gross, net, creators, organization=id_, organization_name=name, provider=provider, creator=creator
        )
        for currency, gross, net, creators, id_, name, provider, creator in rows
    ]


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
