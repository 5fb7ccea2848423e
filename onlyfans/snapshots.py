"""What snapshots tell of creators on OnlyFans: from earnings and result files as they are known here."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Case, F, Q, QuerySet, Sum, Value, When
from django.urls import reverse

from analytics.registry import CreatorName, Metric, Reading, revenue_source, snapshot_source
from analytics.registry.names import EARNED_GROSS, EARNED_NET, FANS, MESSAGES_RECEIVED, MESSAGES_SENT, REPLIES
from common.clock import Month
from onlyfans.models import CreatorAccount, CreatorFigures, EarningsAggregate

PROVIDER = "onlyfans"
METRICS = (
    Metric(FANS, "Fans", jump_from=50),
    Metric(EARNED_GROSS, "Earned this month, gross", kind="money", span="month", jump_from=100_000),
    Metric(EARNED_NET, "Earned this month, net", kind="money", span="month", jump_from=80_000),
    Metric(MESSAGES_SENT, "Messages sent this month", span="month", jump_from=500),
    Metric(MESSAGES_RECEIVED, "Messages received this month", span="month", jump_from=500),
    Metric(REPLIES, "Replies this month", span="month", jump_from=250),
)
_FIGURES = {metric.name: metric for metric in METRICS if metric.kind == "count"}


def _accounts() -> QuerySet[CreatorAccount]:
    """All that may still tell something new."""
    return CreatorAccount.objects.exclude(status=CreatorAccount.Status.CLOSED)


def _between(name: str, first: str, before: str) -> Q:
    bounds = {f"{name}__gte": first} if first else {}
    return Q(**bounds, **({f"{name}__lt": before} if before else {}))


def split_creators(size: int) -> Iterable[str]:
    """Name the first creator of every so many, by the database's own order of ids."""
    accounts, values = _accounts().order_by().values("onlyfans_user_id").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT creator FROM (SELECT onlyfans_user_id, row_number() OVER (ORDER BY onlyfans_user_id) - 1 "  # noqa: S608 - Django's own SQL
            f"FROM ({accounts}) accounts) numbered(creator, place) WHERE place %% %s = 0 ORDER BY place",
            [*values, size],
        )
        found = [creator for (creator,) in cursor.fetchall()]
    # The first range has no lower bound: whoever comes meanwhile belongs to one.
    return ["", *found[1:]] if found else []


def describe_creators(creators: Sequence[str]) -> Iterator[CreatorName]:
    """Name creators by their ids."""
    accounts = CreatorAccount.objects.filter(onlyfans_user_id__in=creators)
    for id_, user_id, name in accounts.values_list("id", "onlyfans_user_id", "display_name"):
        yield CreatorName(user_id, name, reverse("admin:onlyfans_creatoraccount_change", args=[id_]))


def search_creators(text: str, organization: str | None, limit: int) -> Iterator[CreatorName]:
    """Find creators by the beginning of their name or by their id."""
    accounts = CreatorAccount.objects.all()
    if organization:
        accounts = accounts.filter(organization=organization)
    if text:
        accounts = accounts.filter(Q(display_name__istartswith=text) | Q(onlyfans_user_id=text))
    # Whose id it is comes first: however many names begin so, there is room for it.
    meant = [Case(When(onlyfans_user_id=text, then=Value(0)), default=Value(1))] if text else []
    ordered = accounts.order_by(*meant, "display_name")
    for user_id, name in ordered.values_list("onlyfans_user_id", "display_name")[:limit]:
        yield CreatorName(user_id, name)


@snapshot_source(
    PROVIDER,
    title="OnlyFans",
    metrics=METRICS,
    split=split_creators,
    describe=describe_creators,
    search=search_creators,
)
def read_creators(slot_at: dt.datetime, first: str, before: str) -> Iterator[Reading]:
    """Tell fans, this month's earnings, messages and replies of a range of creators, in three queries."""
    month = Month.of(slot_at)
    earned = _list_earned(month, first, before)
    counted = _list_counted(month, first, before)
    accounts = _accounts().filter(_between("onlyfans_user_id", first, before)).order_by("onlyfans_user_id")
    for user_id, organization in accounts.values_list("onlyfans_user_id", "organization_id"):
        by_currency = earned.get(user_id, {})
        metrics, currency, error = dict(counted.get(user_id, {})), "", ""
        if len(by_currency) == 1:
            ((currency, (gross, net)),) = by_currency.items()
            metrics |= {EARNED_GROSS: gross, EARNED_NET: net}
        elif by_currency:
            error = f"This month's earnings are in {' and '.join(sorted(by_currency))}: they can't be added up."
        yield Reading(user_id, organization, metrics, currency, error)


def _list_earned(month: Month, first: str, before: str) -> dict[str, dict[str, tuple[int, int]]]:
    """Sum up the month's earnings by creator and currency."""
    rows = EarningsAggregate.objects.filter(
        _between("creator__onlyfans_user_id", first, before), month=month.first_day
    ).order_by()
    sums = rows.values_list("creator__onlyfans_user_id", "currency").annotate(Sum("gross_cents"), Sum("net_cents"))
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for user_id, currency, gross, net in sums:
        found.setdefault(user_id, {})[currency] = (gross, net)
    return found


def _list_counted(month: Month, first: str, before: str) -> dict[str, dict[str, int]]:
    """Gather what result files counted; of what counts up within the month, only what was seen in this one."""
    rows = CreatorFigures.objects.filter(
        _between("user_id", first, before), metric__in=_FIGURES, value__isnull=False
    ).order_by()
    found: dict[str, dict[str, int]] = {}
    for user_id, metric, value, seen_at in rows.values_list("user_id", "metric", "value", "observed_at"):
        if _FIGURES[metric].span == "gauge" or Month.of(seen_at) == month:
            found.setdefault(user_id, {})[metric] = value or 0
    return found


def _facts() -> QuerySet[Any, Any]:
    rows = EarningsAggregate.objects.order_by().annotate(
        earner=F("creator__onlyfans_user_id"), organization=F("creator__organization_id")
    )
    return rows.values_list("earner", "organization", "month", "category", "currency", "gross_cents", "net_cents")


def _changes(since: dt.datetime) -> QuerySet[Any, Any]:
    rows = EarningsAggregate.objects.order_by().filter(changed_at__gte=since)
    return rows.annotate(earner=F("creator__onlyfans_user_id")).values_list("earner", "month").distinct()


revenue_source(
    PROVIDER,
    title="OnlyFans",
    categories=dict(EarningsAggregate.Category.choices),
    facts=_facts,
    changes=_changes,
)
