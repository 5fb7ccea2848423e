"""Days of snapshots, added up by creator, by organization and over all."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from analytics.models import RollupState, StaleDay
from analytics.registry import find_source
from analytics.services.rollups.states import lock_state

_CREATORS = """
    WITH known AS (
        SELECT creator, organization_id, slot_at, currency, metric.key AS metric, metric.value::bigint AS value,
            coalesce((deltas ->> metric.key)::bigint, 0) AS delta
        FROM analytics_providersnapshot CROSS JOIN LATERAL jsonb_each_text(metrics) metric
        WHERE provider = %(provider)s AND slot_at >= %(starts_at)s AND slot_at < %(ends_at)s
    ), last AS (
        SELECT creator, metric, (array_agg(value ORDER BY slot_at DESC))[1] AS closing, sum(delta)::bigint AS change
        FROM known GROUP BY creator, metric
    ), owner AS (
        SELECT DISTINCT ON (creator) creator, organization_id, currency
        FROM known ORDER BY creator, currency = '', slot_at DESC
    )
    INSERT INTO analytics_creatorday (provider, creator, organization_id, day, currency, closing, change)
    SELECT %(provider)s, creator, organization_id, %(day)s, currency,
        jsonb_object_agg(metric, closing), jsonb_object_agg(metric, change)
    FROM last JOIN owner USING (creator) GROUP BY creator, organization_id, currency
"""
_METRICS = """
    INSERT INTO analytics_metricday
        (provider, is_total, organization_id, metric, currency, day, closing, change, creators)
    SELECT %(provider)s, GROUPING(organization_id) = 1, organization_id, metric, currency, %(day)s,
        sum(closing), sum(change), count(*)
    FROM (
        SELECT organization_id, metric.key AS metric,
            CASE WHEN metric.key = ANY(%(money)s) THEN currency ELSE '' END AS currency,
            metric.value::bigint AS closing, (change ->> metric.key)::bigint AS change
        FROM analytics_creatorday CROSS JOIN LATERAL jsonb_each_text(closing) metric
        WHERE provider = %(provider)s AND day = %(day)s
    ) one
    GROUP BY GROUPING SETS ((organization_id, metric, currency), (metric, currency))
"""


def refresh_days(provider: str, check: Callable[[], None]) -> int:
    """Add up anew the days whose snapshots changed, each in a transaction of its own; return how many there were.

    `check` is called before each and raises where nothing more should be done.
    """
    with transaction.atomic():
        _, moment = lock_state(name := f"days {provider}")
    days = list(StaleDay.objects.filter(provider=provider).order_by("-day").values_list("day", flat=True))
    for day in days:
        check()
        refresh_day(provider, day)
    RollupState.objects.filter(pk=name).update(refreshed_at=moment)
    return len(days)


def refresh_day(provider: str, day: dt.date) -> None:
    """Add up a day's snapshots anew; idempotent."""
    values = _values(provider, day)
    with transaction.atomic(), connection.cursor() as cursor:
        lock_state(f"days {provider}")
        # First: what is committed after this marks the day again.
        cursor.execute("DELETE FROM analytics_staleday WHERE provider = %s AND day = %s", [provider, day])
        cursor.execute("DELETE FROM analytics_creatorday WHERE provider = %s AND day = %s", [provider, day])
        cursor.execute("DELETE FROM analytics_metricday WHERE provider = %s AND day = %s", [provider, day])
        cursor.execute(_CREATORS, values)
        cursor.execute(_METRICS, values)


def _values(provider: str, day: dt.date) -> dict[str, Any]:
    source = find_source(provider)
    starts_at = dt.datetime.combine(day, dt.time(), dt.UTC)
    return {
        "provider": provider,
        "day": day,
        "starts_at": starts_at,
        "ends_at": starts_at + dt.timedelta(days=1),
        "money": [metric.name for metric in source.metrics if metric.kind == "money"] if source else [],
    }
