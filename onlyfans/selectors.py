"""Reads of creators and their earnings."""

import datetime as dt
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet

from common.clock import Month
from onlyfans.client import GATEWAY_SOURCE
from onlyfans.models import CreatorAccount, EarningsAggregate


def list_creators_to_pull(organization_ids: Iterable[str], month: dt.date) -> QuerySet[CreatorAccount]:
    """List the active creators of these organizations for whose month nothing was ingested yet.

    What the gateway said before the month had ended counts for nothing. Those who were not there yet by its end are
    left out.
    """
    of_month = EarningsAggregate.objects.filter(creator=OuterRef("pk"), month=month)
    ingested = of_month.exclude(source=GATEWAY_SOURCE, received_at__lt=Month.of(month).ends_at)
    return CreatorAccount.objects.filter(
        ~Exists(ingested),
        organization__in=list(organization_ids),
        status=CreatorAccount.Status.ACTIVE,
        created_at__lt=Month.of(month).ends_at,
    ).order_by("id")


def list_connected(month: dt.date) -> QuerySet[CreatorAccount]:
    """List the active creators who were there in a month and for whom credentials are stored."""
    there = CreatorAccount.objects.filter(status=CreatorAccount.Status.ACTIVE, credentials__isnull=False)
    return there.filter(created_at__lt=Month.of(month).ends_at).order_by("id")


def list_expired() -> QuerySet[CreatorAccount]:
    """List the creators whose credentials the gateway takes no more; closed ones need none."""
    expired = CreatorAccount.objects.filter(connection_state=CreatorAccount.Connection.EXPIRED)
    return expired.exclude(status=CreatorAccount.Status.CLOSED).defer("credentials").order_by("id")
