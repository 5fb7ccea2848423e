"""Reads of creators and their earnings."""

import datetime as dt
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet

from onlyfans.models import CreatorAccount, EarningsAggregate


def list_creators_to_pull(organization_ids: Iterable[str], month: dt.date) -> QuerySet[CreatorAccount]:
    """List the active creators of these organizations for whose month nothing was ingested yet."""
    ingested = EarningsAggregate.objects.filter(creator=OuterRef("pk"), month=month)
    return CreatorAccount.objects.filter(
        ~Exists(ingested), organization__in=list(organization_ids), status=CreatorAccount.Status.ACTIVE
    ).order_by("id")
