"""Revenue up to the end of each month, so that a sum over any months is the difference of two rows a series.

A series is written anew from its first month that changed on; what stood before that stays.
"""

import datetime as dt
from typing import Any

from analytics.models import FIRST_DAY, RevenueRollup

_LEVELS = (RevenueRollup.Level.CREATOR, RevenueRollup.Level.ORGANIZATION)
_SERIES = "organization_id, creator, currency"
_COLUMNS = f"level, provider, {_SERIES}, month, gross_cents, net_cents, months"
_TABLE = "CREATE TEMPORARY TABLE changed_series (organization_id text, creator text, month date) ON COMMIT DROP"
_HORIZON = "SELECT max(month) FROM analytics_revenuetodate WHERE level = %(level)s AND provider = %(provider)s"
# What was written of a month before it began is in no sum until it has.
_CHANGED = """
    INSERT INTO changed_series
    SELECT organization_id, creator, greatest(min(month), %(first)s) FROM (
        SELECT organization_id, CASE WHEN %(level)s = 'creator' THEN creator ELSE '' END AS creator, month
        FROM touched_months
        UNION ALL
        SELECT organization_id, creator, month FROM analytics_revenuerollup
        WHERE level = %(level)s AND provider = %(provider)s AND category = '' AND month > %(before)s
    ) changed
    WHERE organization_id IS NOT NULL AND month <= %(horizon)s GROUP BY organization_id, creator
"""
_EXTEND = f"""
    INSERT INTO analytics_revenuetodate ({_COLUMNS})
    SELECT level, provider, {_SERIES}, later::date, gross_cents, net_cents, months
    FROM analytics_revenuetodate,
        generate_series(%(before)s::date + interval '1 month', %(horizon)s::date, interval '1 month') later
    WHERE level = %(level)s AND provider = %(provider)s AND month = %(before)s
"""  # noqa: S608 - our own columns
_FORGET = """
    DELETE FROM analytics_revenuetodate old USING changed_series changed
    WHERE old.level = %(level)s AND old.provider = %(provider)s AND old.creator = changed.creator
        AND old.organization_id = changed.organization_id AND old.month >= changed.month
"""
# Each month's sums of some series, and the months from the first of a series on up to the horizon added up.
_MONTHS = """
    SELECT {series}, known.month, gross_cents, net_cents, 1 AS months
    FROM analytics_revenuerollup known {joined}
    WHERE level = %(level)s AND provider = %(provider)s AND category = ''
        AND known.month BETWEEN {since} AND %(horizon)s AND organization_id IS NOT NULL
"""
_ADDED_UP = f"""
    SELECT {_SERIES}, month,
        sum(sum(gross_cents)) OVER series AS gross_cents, sum(sum(net_cents)) OVER series AS net_cents,
        sum(sum(months)) OVER series AS months
    FROM (
        SELECT * FROM news
        UNION ALL
        SELECT {_SERIES}, month::date, 0, 0, 0
        FROM (SELECT {_SERIES}, min(month) AS first FROM news GROUP BY {_SERIES}) begun,
            generate_series(first, %(horizon)s::date, interval '1 month') month
    ) every
    GROUP BY {_SERIES}, month
    WINDOW series AS (PARTITION BY {_SERIES} ORDER BY month)
"""  # noqa: S608 - our own columns
_OF_CHANGED = "JOIN changed_series changed USING (organization_id, creator)"
_ADD = f"""
    INSERT INTO analytics_revenuetodate ({_COLUMNS})
    WITH news AS (
        {_MONTHS.format(series=_SERIES, joined=_OF_CHANGED, since="changed.month")}
        UNION ALL
        SELECT {_SERIES}, changed.month, gross_cents, net_cents, months
        FROM analytics_revenuetodate before {_OF_CHANGED}
        WHERE level = %(level)s AND provider = %(provider)s AND before.month = changed.month - interval '1 month'
    )
    SELECT %(level)s, %(provider)s, {_SERIES}, month, gross_cents, net_cents, months FROM ({_ADDED_UP}) sums
"""  # noqa: S608 - our own columns
_COMPARE = f"""
    INSERT INTO changed_series
    WITH news AS ({_MONTHS.format(series=_SERIES, joined="", since="%(first)s")}),
    right_now AS ({_ADDED_UP}),
    found AS (
        SELECT {_SERIES}, month, gross_cents, net_cents, months FROM analytics_revenuetodate
        WHERE level = %(level)s AND provider = %(provider)s
    )
    SELECT organization_id, creator, min(month) FROM (
        (SELECT * FROM right_now EXCEPT ALL SELECT * FROM found)
        UNION ALL
        (SELECT * FROM found EXCEPT ALL SELECT * FROM right_now)
    ) differing GROUP BY organization_id, creator
"""  # noqa: S608 - our own columns


def refresh_to_date(cursor: Any, provider: str, this_month: dt.date, *, compare: bool) -> None:
    """Write anew what touched months changed, or with `compare` whatever differs from the months' own sums."""
    for level in _LEVELS:
        values: dict[str, Any] = {"level": str(level), "provider": provider, "first": FIRST_DAY}
        cursor.execute(_HORIZON, values)
        (before,) = cursor.fetchone()
        values |= {"before": before, "horizon": max(before or this_month, this_month)}
        cursor.execute(_TABLE)
        if before and before < this_month:
            cursor.execute(_EXTEND, values)
        cursor.execute(_COMPARE if compare or not before else _CHANGED, values)
        cursor.execute("ANALYZE changed_series")
        cursor.execute(_FORGET, values)
        cursor.execute(_ADD, values)
        cursor.execute("DROP TABLE changed_series")
