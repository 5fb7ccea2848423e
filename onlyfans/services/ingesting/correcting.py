"""Figures that staff enter: a version that stands until a source says something else than it had said by then."""

import datetime as dt

from django.db import transaction

from common.clock import Month
from onlyfans.explaining import gather_answers
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision
from onlyfans.services.ingesting.rows import IncomingAggregate
from onlyfans.services.ingesting.writing import ingest_aggregates

STAFF_SOURCE = "staff"
_MOMENT = dt.timedelta(microseconds=1)


def lock_creator(creator_id: int) -> CreatorAccount:
    """Keep ingestion away from a creator until the transaction ends; take it before any row of its earnings."""
    found: CreatorAccount = (
        CreatorAccount.objects.select_for_update(no_key=True).defer("credentials").get(pk=creator_id)
    )
    return found


def find_other_currency(creator_id: int, month: dt.date, category: str, currency: str) -> str | None:
    """Find the currency of the month's other figures, where it differs: a month has one."""
    others = EarningsAggregate.objects.filter(creator=creator_id, month=month).exclude(category=category)
    figures = others.exclude(currency=currency).exclude(gross_cents=0, net_cents=0)
    return figures.values_list("currency", flat=True).first()


@transaction.atomic
def correct_category(
    creator_id: int, month: dt.date, category: str, figures: tuple[int, int], currency: str, moment: dt.datetime
) -> EarningsAggregate:
    """Set a category of a creator's month, leaving its other figures as they stand; return the row."""
    creator = lock_creator(creator_id)
    rows = EarningsAggregate.objects.filter(creator=creator, month=month)
    versions = [one.read() for one in EarningsRevision.objects.filter(creator=creator, month=month)]
    last = max((one.received_at for one in versions), default=None)
    row = IncomingAggregate(
        user_id=creator.onlyfans_user_id,
        month=Month.of(month),
        currency=currency,
        parts={one.category: (one.gross_cents, one.net_cents) for one in rows} | {category: figures},
        # Whoever decides knows what is there, even where a clock elsewhere runs ahead.
        received_at=max(moment, last + _MOMENT) if last else moment,
        source=STAFF_SOURCE,
        answers=gather_answers(versions),
    )
    ingest_aggregates([row], moment)
    return rows.get(category=category)
