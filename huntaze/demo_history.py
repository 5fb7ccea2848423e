"""Two years of the demo's past, for dashboards: earnings from before billing began, and snapshots."""

import datetime as dt
import random
from dataclasses import replace

from django.db import connection, transaction

from analytics.models import SLOT, ProviderSnapshot, slot_of
from analytics.services.stale import mark_stale
from common.clock import Month, now
from common.money import share_cents
from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from onlyfans.models import CreatorAccount, CreatorFigures
from onlyfans.services.ingesting import IncomingAggregate, ingest_aggregates

YEARS = 2
# Beyond so many days one snapshot a day will do.
_DENSE_DAYS = 21
_PROVIDER = "onlyfans"
_LEAPS = "demo071"
_LEAP_BY = 900

_SNAPSHOTS = """
    WITH creator AS (
        SELECT onlyfans_user_id AS id, organization_id,
            300 + abs(hashtext(onlyfans_user_id)) %% 4000 AS base,
            1 + abs(hashtext(onlyfans_user_id || 'pace')) %% 5 AS pace
        FROM onlyfans_creatoraccount WHERE status <> 'closed'
    ), earned AS (
        SELECT onlyfans_user_id AS id, month, sum(gross_cents)::bigint AS gross, sum(net_cents)::bigint AS net
        FROM onlyfans_earningsaggregate JOIN onlyfans_creatoraccount account ON account.id = creator_id
        GROUP BY onlyfans_user_id, month
    ), slot AS (
        SELECT slot_at, date_trunc('month', slot_at, 'UTC') AS month_at,
            least(date_trunc('month', slot_at, 'UTC') + interval '1 month', %(until)s) AS month_ends_at
        FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz, interval '6 hours') slot_at
        WHERE slot_at < %(until)s
            AND (slot_at >= %(dense_since)s OR extract(hour FROM slot_at AT TIME ZONE 'UTC') = 18)
    ), figure AS (
        SELECT creator.id, organization_id, slot_at, month_at,
            base + pace * (slot_at::date - %(since)s::date) + abs(hashtext(creator.id || slot_at)) %% (3 * pace)
                AS fans,
            coalesce(now_earned.gross, before.gross, 0) * part / whole AS gross,
            coalesce(now_earned.net, before.net, 0) * part / whole AS net,
            base * part / 720 AS sent, base * 3 / 4 * part / 720 AS received, base / 2 * part / 720 AS replies
        FROM creator CROSS JOIN slot
        CROSS JOIN LATERAL (SELECT
            extract(epoch FROM slot_at - month_at)::bigint / 3600 AS part,
            greatest(extract(epoch FROM month_ends_at - month_at)::bigint / 3600, 1) AS whole) elapsed
        LEFT JOIN earned now_earned
            ON now_earned.id = creator.id AND now_earned.month = (month_at AT TIME ZONE 'UTC')::date
        LEFT JOIN earned before
            ON before.id = creator.id AND before.month = ((month_at - interval '1 month') AT TIME ZONE 'UTC')::date
    ), compared AS (
        SELECT *, lag(fans) OVER past AS fans_before,
            coalesce(lag(gross) OVER month, 0) AS gross_before, coalesce(lag(net) OVER month, 0) AS net_before,
            coalesce(lag(sent) OVER month, 0) AS sent_before,
            coalesce(lag(received) OVER month, 0) AS received_before,
            coalesce(lag(replies) OVER month, 0) AS replies_before
        FROM figure WINDOW past AS (PARTITION BY id ORDER BY slot_at),
            month AS (PARTITION BY id, month_at ORDER BY slot_at)
    )
    INSERT INTO analytics_providersnapshot
        (provider, creator, organization_id, slot_at, read_at, state, error, currency, metrics, deltas, jumps)
    SELECT 'onlyfans', id, organization_id, slot_at, slot_at + interval '2 minutes', 'complete', '', 'USD',
        jsonb_build_object('fans', fans, 'earned_gross_cents', gross, 'earned_net_cents', net,
            'messages_sent', sent, 'messages_received', received, 'replies', replies),
        CASE WHEN fans_before IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('fans', fans - fans_before,
            'earned_gross_cents', gross - gross_before, 'earned_net_cents', net - net_before,
            'messages_sent', sent - sent_before, 'messages_received', received - received_before,
            'replies', replies - replies_before) END, '{}'
    FROM compared ORDER BY slot_at, id
"""
_FIGURES = {"fans": "fans", "messages_sent": "messages", "messages_received": "messages", "replies": "messages"}


def add_former_earnings(months_before: int, categories: dict[str, int], month: Month) -> None:
    """Add earnings from before the first month that is billed, and what this month has brought so far."""
    chance = random.Random(2024)  # noqa: S311
    present, rows = month.plus(1), []
    gone, whole = int((now() - present.starts_at).total_seconds()), present.ends_at - present.starts_at
    for creator in CreatorAccount.objects.defer("credentials").order_by("pk"):
        size = chance.randint(15_000, 130_000)
        for back in range(12 * YEARS - 1, months_before, -1):
            season = 60 + 2 * (12 * YEARS - back) + chance.randint(-10, 10)
            rows.append(_month_of(creator, month.plus(-back), size * season // 2000, categories))
        so_far = size * chance.randint(90, 110) * gone // int(whole.total_seconds())
        rows.append(_month_of(creator, present, so_far // 2000, categories))
    ingest_aggregates(rows, now())


def _month_of(creator: CreatorAccount, month: Month, size: int, categories: dict[str, int]) -> IncomingAggregate:
    earned = {category: size * weight for category, weight in categories.items()}
    return bring_month(creator.onlyfans_user_id, month, earned, month.starts_at)


def bring_month(
    user_id: str, month: Month, earned: dict[str, int], received_at: dt.datetime | None = None
) -> IncomingAggregate:
    """Make the version that brings a month's gross cents by category; OnlyFans keeps a fifth of each."""
    return IncomingAggregate(
        user_id=user_id,
        month=month,
        currency="USD",
        parts={category: (cents, cents - share_cents(cents, 2000, "USD")) for category, cents in earned.items()},
        received_at=received_at or month.ends_at,
        source="demo",
    )


def add_versions(user_id: str, month: Month) -> None:
    """Add versions of a creator's month that something newer replaced, and a month of somebody whom nobody knows."""
    early, later = (month.ends_at - dt.timedelta(days=days) for days in (9, 2))
    totals = replace(bring_month(user_id, month, {"uncategorized": 812_345}, early), source="api")
    file = replace(
        bring_month(user_id, month, {"subscriptions": 540_000, "tips": 120_000, "messages": 310_000}, later),
        source="result file",
        bucket="huntaze-results",
        key="jobs/demo-17/result.json",
        etag="9b2cf535f27731c974343645a3985328",
        sequencer="0055AED6DCD90281E5",
    )
    stranger = replace(totals, user_id="demo_newcomer")
    ingest_aggregates([totals, file, stranger], now())


def add_snapshots(moment: dt.datetime) -> None:
    """Add the snapshots of two years up to the present slot, which is left to the job: one creator leaps in it."""
    until = slot_of(moment)
    since = until - dt.timedelta(days=365 * YEARS)
    values = {"since": since, "until": until, "dense_since": until - dt.timedelta(days=_DENSE_DAYS)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SNAPSHOTS, values)
        _add_figures(until - SLOT, moment)
        mark_stale(_PROVIDER, (since.date() + dt.timedelta(days=day) for day in range((until - since).days + 1)))


def _add_figures(slot_at: dt.datetime, moment: dt.datetime) -> None:
    """Say what result files have told last: a little more than the last snapshot, and of one creator much more.

    What is counted by month begins again with each.
    """
    goes_on = Month.of(slot_at) == Month.of(moment)
    last = ProviderSnapshot.objects.filter(slot_at=slot_at).values_list("creator", "metrics")
    CreatorFigures.objects.bulk_create(
        CreatorFigures(
            user_id=creator,
            metric=metric,
            kind=kind,
            value=(metrics[metric] if goes_on or metric == "fans" else 0)
            + (_LEAP_BY if (creator, metric) == (_LEAPS, "fans") else 2),
            observed_at=moment,
            source="demo",
        )
        for creator, metrics in last
        for metric, kind in _FIGURES.items()
    )


def add_up() -> None:
    """Let the dashboards show it."""
    job = get_job("analytics-rollups")
    run, _ = start(job, read_params(job, {}), JobRun.Trigger.COMMAND, reason="Demo data")
    work(run.pk, wait=True)
