"""Who earned most in any months: from revenue up to two of them, not from those between."""

from dataclasses import replace
from typing import Any

from django.db import connection

from analytics.models import RevenueRollup
from analytics.registry import Scope
from analytics.selectors.revenue import Revenue
from common.clock import Month

Level = RevenueRollup.Level
# So few are added up as quickly as two sums are compared.
_FEW_MONTHS = 2
_WANTED = """
            AND (%(organization)s = '' OR organization_id = %(organization)s)
            AND (%(creator)s = '' OR (provider = %(provider)s AND creator = %(creator)s))
"""
_COLUMNS = "organization_id, creator, currency, gross_cents, net_cents"
# A provider's sums go up to the month of its last refresh; those beyond, and few months, are added up as they are.
_RANKED = f"""
    WITH known AS (
        SELECT DISTINCT provider FROM analytics_revenuerollup WHERE level = 'all' AND category = ''
    ), ends AS (
        SELECT provider, CASE WHEN horizon > %(before)s THEN least(horizon, %(last)s) END AS late,
            CASE WHEN horizon > %(before)s THEN %(before)s::date END AS early,
            greatest(horizon, %(before)s) AS beyond
        FROM known CROSS JOIN LATERAL (
            SELECT max(month) AS horizon FROM analytics_revenuetodate
            WHERE level = %(level)s AND provider = known.provider AND %(months)s > {_FEW_MONTHS}
        ) of_provider
    ), parts AS (
        SELECT provider, {_COLUMNS}, months FROM ends JOIN analytics_revenuetodate USING (provider)
        WHERE level = %(level)s AND month = late{_WANTED}
        UNION ALL
        SELECT provider, organization_id, creator, currency, -gross_cents, -net_cents, -months
        FROM ends JOIN analytics_revenuetodate USING (provider)
        WHERE level = %(level)s AND month = early{_WANTED}
        UNION ALL
        SELECT provider, {_COLUMNS}, 1 FROM ends JOIN analytics_revenuerollup USING (provider)
        WHERE level = %(level)s AND category = '' AND month > beyond AND month <= %(last)s{_WANTED}
    ), sums AS (
        SELECT currency, CASE %(level)s WHEN 'creator' THEN provider ELSE '' END AS source, creator, organization_id,
            sum(gross_cents)::bigint AS gross, sum(net_cents)::bigint AS net
        FROM parts GROUP BY currency, source, creator, organization_id HAVING sum(months) > 0
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY currency ORDER BY gross DESC, organization_id, creator) AS place
        FROM sums
    )
    SELECT ranked.currency, gross, net, organization_id, owner.name, source, creator
    FROM ranked JOIN accounts_organization owner ON owner.id = organization_id
    WHERE %(limit)s::int IS NULL OR place <= %(limit)s
    ORDER BY ranked.currency, place
"""  # noqa: S608 - our own columns
_MOST_CREATORS = """
    SELECT currency, organization_id, max(creators) FROM analytics_revenuerollup
    WHERE level = 'organization' AND category = '' AND month BETWEEN %(first)s AND %(last)s
        AND organization_id = ANY(%(organizations)s)
    GROUP BY currency, organization_id
"""


def list_by_organization(scope: Scope) -> list[Revenue]:
    """List the organizations that earned most, by currency; as many of each as there is room for.

    `creators` is how many earned anything in the month in which most did.
    """
    rows = _rank(scope, Level.ORGANIZATION)
    values = _values(scope) | {"organizations": [row.organization for row in rows]}
    with connection.cursor() as cursor:
        cursor.execute(_MOST_CREATORS, values)
        creators = {(currency, organization): most for currency, organization, most in cursor.fetchall()}
    return [replace(row, creators=creators[row.currency, row.organization]) for row in rows]


def list_by_creator(scope: Scope) -> list[Revenue]:
    """List the creators who earned most, by currency; as many of each as there is room for."""
    return _rank(scope, Level.CREATOR)


def _rank(scope: Scope, level: str) -> list[Revenue]:
    with connection.cursor() as cursor:
        cursor.execute(_RANKED, {"level": str(level), **_values(scope)})
        rows = cursor.fetchall()
    return [
        Revenue(currency, gross, net, organization=id_, organization_name=name, provider=provider, creator=creator)
        for currency, gross, net, id_, name, provider, creator in rows
    ]


def _values(scope: Scope) -> dict[str, Any]:
    return {
        "before": Month.of(scope.first_month).plus(-1).first_day,
        "first": scope.first_month,
        "last": scope.last_month,
        "organization": scope.organization,
        "provider": scope.provider,
        "creator": scope.creator,
        "limit": scope.limit,
        "months": Month.of(scope.first_month).months_until(Month.of(scope.last_month)) + 1,
    }
