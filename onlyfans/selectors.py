"""Reads of creators and their earnings."""

import datetime as dt
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet

from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsAggregate


def list_creators_to_pull(organization_ids: Iterable[str], month: dt.date) -> QuerySet[CreatorAccount]:
    """List the active creators of these organizations for whose month nothing was ingested yet.

    Those who were not there yet by the end of the month are left out.
    """
    ingested = EarningsAggregate.objects.filter(creator=OuterRef("pk"), month=month)
    return CreatorAccount.objects.filter(
        ~Exists(ingested),
        organization__in=list(organization_ids),
        status=CreatorAccount.Status.ACTIVE,
        created_at__lt=Month.of(month).ends_at,
    ).order_by("id")
