"""Reads of creators and their earnings."""

import datetime as dt
from collections.abc import Iterable

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet, Subquery

from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision, UnmatchedAggregate
from onlyfans.providers.gateway import GATEWAY_SOURCE


def list_creators_to_pull(organization_ids: Iterable[str], month: dt.date) -> QuerySet[CreatorAccount]:
    """List the creators of these organizations, active in a month, for whose whole month no figures are there yet.

    What was received before the month had ended is a part of it, wherever it came from. Of creators without
    credentials it has to do, unless it came from the gateway: they were connected, and must be again. Of those who are
    paused or closed since, and whose credentials are gone, what is there has to do.
    """
    of_month = EarningsAggregate.objects.filter(creator=OuterRef("pk"), month=month)
    whole = of_month.filter(received_at__gte=Month.of(month).ends_at)
    ingested = of_month.exclude(source=GATEWAY_SOURCE)
    return CreatorAccount.objects.filter(
        ~Exists(whole),
        Q(credentials__isnull=False) | Q(~Exists(ingested), status=CreatorAccount.Status.ACTIVE),
        _was_active(Month.of(month)),
        organization__in=list(organization_ids),
    ).order_by("id")


def _was_active(month: Month) -> Q:
    """Match the creators who were there and active in a month, whatever their status is now."""
    active = Q(status=CreatorAccount.Status.ACTIVE) | Q(left_at__gt=month.starts_at)
    return active & Q(created_at__lt=month.ends_at)


def list_connected(month: dt.date) -> QuerySet[CreatorAccount]:
    """List the creators who were active in a month and for whom credentials are stored."""
    return CreatorAccount.objects.filter(_was_active(Month.of(month)), credentials__isnull=False).order_by("id")


def list_expired() -> QuerySet[CreatorAccount]:
    """List the creators whose credentials the gateway takes no more; closed ones need none."""
    expired = CreatorAccount.objects.filter(connection_state=CreatorAccount.Connection.EXPIRED)
    return expired.exclude(status=CreatorAccount.Status.CLOSED).defer("credentials").order_by("id")


def list_months(creator_id: int) -> QuerySet[EarningsRevision]:
    """List the versions that stand for a creator's months, the latest month first, with how many versions there are."""
    rows = EarningsAggregate.objects.filter(creator=creator_id, revision__isnull=False)
    every = EarningsRevision.objects.filter(creator=creator_id, month=OuterRef("month")).order_by()
    counted = every.values("month").annotate(count=Count("pk")).values("count")
    standing = EarningsRevision.objects.filter(pk__in=rows.values("revision"))
    return standing.annotate(versions=Subquery(counted)).order_by("-month")


def count_unmatched(user_id: str) -> int:
    """Count the versions that wait for a user id."""
    return UnmatchedAggregate.objects.filter(onlyfans_user_id=user_id, dismissed_at=None).count()


def get_longest_waiting(before: dt.datetime) -> tuple[int, dt.datetime | None]:
    """Count the users whose earnings have waited for a creator since before, and tell since when the first has."""
    found = UnmatchedAggregate.objects.filter(recorded_at__lt=before, dismissed_at=None)
    figures = found.aggregate(users=Count("onlyfans_user_id", distinct=True), since=Min("recorded_at"))
    return figures["users"], figures["since"]


def list_waiting_users(before: dt.datetime, limit: int) -> list[str]:
    """List the first users whose earnings have waited for a creator since before, by their OnlyFans user ids."""
    found = UnmatchedAggregate.objects.filter(recorded_at__lt=before, dismissed_at=None).order_by("onlyfans_user_id")
    return list(found.values_list("onlyfans_user_id", flat=True).distinct()[:limit])


def list_overruled(since: dt.datetime) -> QuerySet[EarningsRevision]:
    """List what staff entered last of months for which a source's figures stand all the same, with since when.

    Only where those changed after `since`; `changed_at` tells when.
    """
    rows = EarningsAggregate.objects.filter(creator=OuterRef("creator"), month=OuterRef("month")).order_by()
    stands = rows.filter(revision__answers__isnull=True).values("month")
    corrections = EarningsRevision.objects.filter(answers__isnull=False).alias(alive=Exists(stands))
    last = (
        corrections.filter(alive=True).order_by("creator_id", "month", "-received_at").distinct("creator_id", "month")
    )
    found = EarningsRevision.objects.filter(pk__in=last.values("pk"))
    changed = found.annotate(changed_at=Subquery(stands.annotate(at=Max("changed_at")).values("at")))
    return (
        changed.filter(changed_at__gt=since)
        .select_related("creator__organization")
        .defer("creator__credentials")
        .order_by("pk")
    )
