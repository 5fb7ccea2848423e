"""Days of snapshots, added up by creator, by organization and over all."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction

from analytics.models import RollupState, StaleDay
from analytics.registry import find_source
from analytics.services.rollups.states import lock_state

_LONGEST_SPAN = 31
_FORGET = "DELETE FROM analytics_{table} WHERE provider = %(provider)s AND day BETWEEN %(first)s AND %(last)s"
_CREATORS = """
    WITH known AS (
        SELECT creator, (slot_at AT TIME ZONE 'UTC')::date AS day, organization_id, slot_at, currency,
            metric.key AS metric, metric.value::bigint AS value, coalesce((deltas ->> metric.key)::bigint, 0) AS delta
        FROM analytics_providersnapshot CROSS JOIN LATERAL jsonb_each_text(metrics) metric
        WHERE provider = %(provider)s AND slot_at >= %(starts_at)s AND slot_at < %(ends_at)s
    ), owner AS (
        SELECT DISTINCT ON (creator, day) creator, day, organization_id, currency
        FROM known ORDER BY creator, day, currency = '', slot_at DESC
    ), last AS (
        -- Where the currency changed within the day, amounts in the former one are no part of the latter's.
        SELECT creator, day, metric, (array_agg(value ORDER BY slot_at DESC))[1] AS closing,
            sum(delta)::bigint AS change
        FROM known JOIN owner USING (creator, day)
        WHERE known.currency = owner.currency OR metric <> ALL(%(money)s)
        GROUP BY creator, day, metric
    )
    INSERT INTO analytics_creatorday (provider, creator, organization_id, day, currency, closing, change)
    SELECT %(provider)s, creator, organization_id, day, currency,
        jsonb_object_agg(metric, closing), jsonb_object_agg(metric, change)
    FROM last JOIN owner USING (creator, day) GROUP BY creator, organization_id, day, currency
"""
_METRICS = """
    INSERT INTO analytics_metricday
        (provider, is_total, organization_id, metric, currency, day, closing, change, creators)
    SELECT %(provider)s, GROUPING(organization_id) = 1, organization_id, metric, currency, day,
        sum(closing), sum(change), count(*)
    FROM (
        SELECT organization_id, day, metric.key AS metric,
            CASE WHEN metric.key = ANY(%(money)s) THEN currency ELSE '' END AS currency,
            metric.value::bigint AS closing, (change ->> metric.key)::bigint AS change
        FROM analytics_creatorday CROSS JOIN LATERAL jsonb_each_text(closing) metric
        WHERE provider = %(provider)s AND day BETWEEN %(first)s AND %(last)s
    ) one
    GROUP BY GROUPING SETS ((organization_id, day, metric, currency), (day, metric, currency))
"""


def refresh_days(provider: str, check: Callable[[], None]) -> int:
    """Add up anew the days whose snapshots changed; return how many there were.

    Days in a row are one transaction, a month of them at most; `check` is called before each and raises where nothing
    more should be done.
    """
    with transaction.atomic():
        _, moment = lock_state(name := f"days {provider}")
    days = list(StaleDay.objects.filter(provider=provider).order_by("day").values_list("day", flat=True))
    for first, last in reversed(_spans(days)):
        check()
        _refresh(provider, first, last)
    RollupState.objects.filter(pk=name).update(refreshed_at=moment)
    return len(days)


def _spans(days: Sequence[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Gather days in a row as their first and last."""
    spans: list[tuple[dt.date, dt.date]] = []
    for day in days:
        if spans and day == spans[-1][1] + dt.timedelta(days=1) and (day - spans[-1][0]).days < _LONGEST_SPAN:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def _refresh(provider: str, first: dt.date, last: dt.date) -> None:
    values = _values(provider, first, last)
    with transaction.atomic(), connection.cursor() as cursor:
        lock_state(f"days {provider}")
        # The marks first: what is committed after this marks its day again.
        for table in ("staleday", "creatorday", "metricday"):
            cursor.execute(_FORGET.format(table=table), values)
        cursor.execute(_CREATORS, values)
        cursor.execute(_METRICS, values)


def _values(provider: str, first: dt.date, last: dt.date) -> dict[str, Any]:
    source = find_source(provider)
    return {
        "provider": provider,
        "first": first,
        "last": last,
        "starts_at": dt.datetime.combine(first, dt.time(), dt.UTC),
        "ends_at": dt.datetime.combine(last, dt.time(), dt.UTC) + dt.timedelta(days=1),
        "money": [metric.name for metric in source.metrics if metric.kind == "money"] if source else [],
    }
