"""Days of snapshots, as the roll-ups have them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection

from analytics.models import CreatorDay, MetricDay
from analytics.registry import Scope, find_metric, list_sources
from common.clock import now

# Beyond so many days a point is a week, and beyond so many a month.
_BY_DAY, _BY_WEEK = 92, 370


@dataclass(frozen=True, slots=True)
class Day:
    """One metric on a day or at the end of a longer stretch: where it stood, what it changed by, of how many."""

    provider: str
    metric: str
    currency: str
    day: dt.date
    closing: int
    change: int
    creators: int


@dataclass(frozen=True, slots=True)
class CreatorMetric:
    """Where a creator's metric stood at the end of the days, and how far from where it stood at their beginning."""

    provider: str
    creator: str
    organization: str | None
    organization_name: str
    closing: int
    change: int | None


def list_days(scope: Scope, metrics: Sequence[str]) -> list[Day]:
    """List metrics day by day, by provider, metric and currency, the oldest first; long stretches by week or month."""
    rows = _of_creator(scope, metrics) if scope.creator else _of_many(scope, metrics)
    return [point for _, days in groupby(rows, _line) for point in _points(list(days), scope)]


def _line(row: Day) -> tuple[str, str, str]:
    return row.provider, row.metric, row.currency


def _of_many(scope: Scope, metrics: Sequence[str]) -> list[Day]:
    # Whole beginnings of the index, so that the sum over all is found among those of thousands of organizations.
    rows = MetricDay.objects.filter(
        provider__in=_providers(),
        is_total=not scope.organization,
        organization=scope.organization or None,
        metric__in=metrics,
        day__gte=scope.first_day,
        day__lte=scope.last_day,
    )
    ordered = rows.order_by("provider", "metric", "currency", "day")
    return [
        Day(*row)
        for row in ordered.values_list("provider", "metric", "currency", "day", "closing", "change", "creators")
    ]


def _providers() -> list[str]:
    return [source.provider for source in list_sources()]


def _of_creator(scope: Scope, metrics: Sequence[str]) -> list[Day]:
    rows = CreatorDay.objects.filter(
        provider=scope.provider, creator=scope.creator, day__gte=scope.first_day, day__lte=scope.last_day
    ).order_by("day")
    found: dict[tuple[str, str], list[Day]] = defaultdict(list)
    for row in rows:
        for name in metrics:
            if name in row.closing:
                currency = row.currency if _is_money(row.provider, name) else ""
                found[name, currency].append(
                    Day(row.provider, name, currency, row.day, row.closing[name], row.change[name], 1)
                )
    return [day for key in sorted(found) for day in found[key]]


def _is_money(provider: str, name: str) -> bool:
    metric = find_metric(provider, name)
    return metric is not None and metric.kind == "money"


def _points(days: Sequence[Day], scope: Scope) -> Iterator[Day]:
    for start, stretch in groupby(days, lambda row: start_of(row.day, scope)):
        rows = list(stretch)
        last = rows[-1]
        yield Day(
            last.provider,
            last.metric,
            last.currency,
            start,
            last.closing,
            sum(row.change for row in rows),
            last.creators,
        )


def start_of(day: dt.date, scope: Scope) -> dt.date:
    """Return the first day of the stretch that a point stands for."""
    if scope.days <= _BY_DAY:
        return day
    return day - dt.timedelta(days=day.weekday()) if scope.days <= _BY_WEEK else day.replace(day=1)


def list_stretches(scope: Scope) -> list[dt.date]:
    """List the first day of each stretch that has begun, with or without figures."""
    last = min(scope.last_day, now().date())
    days = (scope.first_day + dt.timedelta(days=place) for place in range((last - scope.first_day).days + 1))
    return list(dict.fromkeys(start_of(day, scope) for day in days))


def has_today(scope: Scope) -> bool:
    """Return whether the last stretch that has begun is not over: today belongs to it."""
    return scope.last_day >= now().date()


def name_stretch(scope: Scope) -> str:
    """Say what a point stands for."""
    if scope.days <= _BY_DAY:
        return "Day"
    return "Week from" if scope.days <= _BY_WEEK else "Month from"


_RANKED = """
    WITH ends AS (
        SELECT provider, max(day) AS last_day, min(day) AS first_day FROM analytics_metricday
        WHERE provider = ANY(%(providers)s) AND is_total AND organization_id IS NULL AND metric = %(metric)s
            AND day BETWEEN %(first_day)s AND %(last_day)s
        GROUP BY provider
    )
    SELECT last.provider, last.creator, last.organization_id, owner.name, (last.closing ->> %(metric)s)::bigint,
        (last.closing ->> %(metric)s)::bigint - (first.closing ->> %(metric)s)::bigint
    FROM ends
    JOIN analytics_creatorday last ON last.provider = ends.provider AND last.day = ends.last_day
    LEFT JOIN analytics_creatorday first
        ON first.provider = ends.provider AND first.creator = last.creator AND first.day = ends.first_day
    LEFT JOIN accounts_organization owner ON owner.id = last.organization_id
    WHERE last.closing ? %(metric)s
        AND (%(organization)s = '' OR last.organization_id = %(organization)s)
        AND (%(creator)s = '' OR (last.provider = %(provider)s AND last.creator = %(creator)s))
    ORDER BY 5 DESC, 2
    LIMIT %(limit)s
"""


def rank_creators(scope: Scope, metric: str) -> list[CreatorMetric]:
    """List the creators of whom a metric was highest on the last of the days, with the change since the first."""
    values: dict[str, Any] = {
        "metric": metric,
        "providers": _providers(),
        "first_day": scope.first_day,
        "last_day": scope.last_day,
        "organization": scope.organization,
        "provider": scope.provider,
        "creator": scope.creator,
        "limit": scope.limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RANKED, values)
        return [CreatorMetric(*row) for row in cursor.fetchall()]


def split_lines(days: Iterable[Day]) -> list[tuple[tuple[str, str, str], list[Day]]]:
    """Gather days by provider, metric and currency."""
    return [(line, list(rows)) for line, rows in groupby(days, _line)]
