"""Revenue by month: of creators, of organizations and of all, each level added up from the one below."""

import datetime as dt
from typing import Any

from django.db import connection, transaction

from analytics.registry import RevenueSource
from analytics.registry.revenue import FACT_COLUMNS, Rows
from analytics.services.rollups.states import lock_state
from analytics.services.rollups.to_date import refresh_to_date
from common.clock import Month

# A change is dated by its statement and seen after its commit: so much earlier is looked again.
MARGIN = dt.timedelta(minutes=15)

_COLUMNS = ", ".join(FACT_COLUMNS)
_KNOWN = """
    SELECT creator, organization_id, month, category, currency, gross_cents, net_cents FROM analytics_revenuerollup
    WHERE level = 'creator' AND category <> '' AND provider = %s
"""
_DIFFERING = f"""
    SELECT creator, month FROM (
        (SELECT {_COLUMNS} FROM ({{facts}}) truth({_COLUMNS}) EXCEPT ALL ({_KNOWN}))
        UNION ALL
        (({_KNOWN}) EXCEPT ALL SELECT {_COLUMNS} FROM ({{facts}}) truth({_COLUMNS}))
    ) differing
"""  # noqa: S608 - our own columns
_STALE = "INSERT INTO stale_months SELECT DISTINCT creator, month FROM ({stale}) stale"
_FORGET = """
    WITH gone AS (
        DELETE FROM analytics_revenuerollup old USING stale_months
        WHERE old.level = 'creator' AND old.provider = %s
            AND old.creator = stale_months.creator AND old.month = stale_months.month
        RETURNING old.organization_id, old.creator, old.month
    )
    INSERT INTO touched_months SELECT DISTINCT organization_id, creator, month FROM gone
"""
_INSERT = """
    INSERT INTO analytics_revenuerollup
        (level, provider, organization_id, creator, month, category, currency, gross_cents, net_cents, creators)
"""
_CREATORS = f"""
    WITH made AS ({_INSERT}
        SELECT 'creator', %s, organization, creator, month, coalesce(category, ''), currency, sum(gross), sum(net),
            CASE WHEN bool_or(gross <> 0 OR net <> 0) THEN 1 ELSE 0 END
        FROM ({{facts}}) truth({_COLUMNS}) JOIN stale_months USING (creator, month)
        GROUP BY GROUPING SETS (
            (organization, creator, month, currency, category), (organization, creator, month, currency)
        )
        RETURNING organization_id, creator, month
    )
    INSERT INTO touched_months SELECT DISTINCT organization_id, creator, month FROM made
"""  # noqa: S608 - our own columns
_ORGANIZATIONS = (
    """
    DELETE FROM analytics_revenuerollup old
    USING (SELECT DISTINCT organization_id, month FROM touched_months) touched
    WHERE old.level = 'organization' AND old.provider = %s
        AND old.organization_id = touched.organization_id AND old.month = touched.month
    """,
    f"""{_INSERT}
    SELECT 'organization', %s, organization_id, '', month, category, currency, sum(gross_cents), sum(net_cents),
        sum(creators)
    FROM analytics_revenuerollup JOIN (SELECT DISTINCT organization_id, month FROM touched_months) touched
        USING (organization_id, month)
    WHERE level = 'creator' AND provider = %s
    GROUP BY organization_id, month, category, currency
    """,  # noqa: S608 - our own columns
)
_ALL = (
    """
    DELETE FROM analytics_revenuerollup old USING (SELECT DISTINCT month FROM touched_months) touched
    WHERE old.level = 'all' AND old.provider = %s AND old.month = touched.month
    """,
    f"""{_INSERT}
    SELECT 'all', %s, NULL, '', month, category, currency, sum(gross_cents), sum(net_cents), sum(creators)
    FROM analytics_revenuerollup JOIN (SELECT DISTINCT month FROM touched_months) touched USING (month)
    WHERE level = 'organization' AND provider = %s
    GROUP BY month, category, currency
    """,  # noqa: S608 - our own columns
)


def refresh_revenue(source: RevenueSource, *, compare: bool = False) -> int:
    """Add up what changed since the last refresh, or all that differs from the truth; return the creators' months.

    Idempotent. With `compare`, everything is compared: that finds what was deleted, what moved to another
    organization, and what was committed long after it was written.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        state, moment = lock_state(f"revenue {source.provider}")
        compare = compare or state.refreshed_at is None
        cursor.execute("CREATE TEMPORARY TABLE stale_months (creator text, month date) ON COMMIT DROP")
        cursor.execute(
            "CREATE TEMPORARY TABLE touched_months (organization_id text, creator text, month date) ON COMMIT DROP"
        )
        stale, values = _stale(source, None if compare or not state.refreshed_at else state.refreshed_at - MARGIN)
        cursor.execute(_STALE.format(stale=stale), values)
        count: int = cursor.rowcount
        if count:
            _add_up(cursor, source)
        refresh_to_date(cursor, source.provider, Month.of(moment.astimezone(dt.UTC)).first_day, compare=compare)
        cursor.execute("DROP TABLE stale_months, touched_months")
        if state.refreshed_at is None:
            # Until somebody vacuums, nobody would know how much there is now.
            cursor.execute("ANALYZE analytics_revenuerollup, analytics_revenuetodate")
        state.refreshed_at = moment
        state.compared_at = moment if compare else state.compared_at
        state.save()
    return count


def _stale(source: RevenueSource, since: dt.datetime | None) -> tuple[str, list[Any]]:
    if since is not None:
        sql, values = _sql(source.changes(since))
        return f"SELECT creator, month FROM ({sql}) changes(creator, month)", values  # noqa: S608 - Django's own SQL
    facts, values = _sql(source.facts())
    return _DIFFERING.format(facts=facts), [*values, source.provider, source.provider, *values]


def _add_up(cursor: Any, source: RevenueSource) -> None:
    """Write the three levels anew where they are stale."""
    provider = source.provider
    facts, values = _sql(source.facts())
    cursor.execute("ANALYZE stale_months")
    cursor.execute(_FORGET, [provider])
    cursor.execute(_CREATORS.format(facts=facts), [provider, *values])
    cursor.execute("ANALYZE touched_months")
    for forget, add in (_ORGANIZATIONS, _ALL):
        cursor.execute(forget, [provider])
        cursor.execute(add, [provider, provider])


def _sql(rows: Rows) -> tuple[str, list[Any]]:
    sql, values = rows.query.sql_with_params()
    return sql, list(values)
