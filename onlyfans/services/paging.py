"""Writes of transactions, page by page, so that whoever is stopped goes on where it was.

A page's transactions and the place of the next page are one commit. Two who read the same month at once share the row:
whoever comes second finds the page stored, and goes on behind it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from django.db import transaction
from django.db.models import Sum

from common.clock import Month
from common.errors import Permanent
from onlyfans.models import CreatorAccount, EarningsPull, EarningsTransaction
from onlyfans.providers.gateway import CategoryEarnings, Statement, Transaction, TransactionPage

# A place given out so long ago may lead nowhere, and what was read then may have changed.
GOES_ON_WITHIN = dt.timedelta(hours=6)
_WRITTEN = ("round", "occurred_at", "category", "currency", "gross_cents", "fee_cents", "net_cents", "reverses")


@transaction.atomic
def begin_pull(creator: CreatorAccount, month: Month, now: dt.datetime) -> EarningsPull:
    """Find the pull of a creator's month that is under way, or begin a new round of it."""
    EarningsPull.objects.bulk_create(
        [EarningsPull(creator=creator, month=month.first_day, started_at=now)], ignore_conflicts=True
    )
    pull = EarningsPull.objects.select_for_update(no_key=True).get(creator=creator, month=month.first_day)
    if pull.stored_at or now - pull.started_at > GOES_ON_WITHIN:
        _begin_anew(pull, now)
    return pull


def restart_pull(pull: EarningsPull, now: dt.datetime) -> None:
    """Begin a new round, for what was read can't be true any more; nothing where somebody did so already."""
    with transaction.atomic():
        current = EarningsPull.objects.select_for_update(no_key=True).get(pk=pull.pk)
        if current.round == pull.round and not current.stored_at:
            _begin_anew(current, now)


def _begin_anew(pull: EarningsPull, now: dt.datetime) -> None:
    pull.round, pull.cursor, pull.pages, pull.is_read = pull.round + 1, "", 0, False
    pull.started_at, pull.stored_at = now, None
    pull.save()


@transaction.atomic
def store_page(pull: EarningsPull, page: TransactionPage) -> EarningsPull:
    """Keep a page that was read at the pull's place; return the pull as it is now, wherever others have brought it."""
    current = EarningsPull.objects.select_for_update(no_key=True).get(pk=pull.pk)
    if (current.round, current.cursor, current.is_read) != (pull.round, pull.cursor, False):
        return current
    EarningsTransaction.objects.bulk_create(
        _rows(current, page.transactions),
        update_conflicts=True,
        unique_fields=["pull", "external_id"],
        update_fields=_WRITTEN,
    )
    current.cursor, current.pages, current.is_read = page.cursor, current.pages + 1, not page.cursor
    current.save(update_fields=["cursor", "pages", "is_read"])
    return current


def _rows(pull: EarningsPull, transactions: Iterable[Transaction]) -> list[EarningsTransaction]:
    """Make the rows of a page, each transaction once: one may be listed twice where new ones came meanwhile."""
    found = {one.id: one for one in transactions}
    return [
        EarningsTransaction(
            pull=pull,
            round=pull.round,
            external_id=one.id,
            occurred_at=one.occurred_at,
            category=one.category,
            currency=one.currency,
            gross_cents=one.gross_cents,
            fee_cents=one.fee_cents,
            net_cents=one.net_cents,
            reverses=one.reverses,
        )
        for one in found.values()
    ]


def sum_up(pull: EarningsPull, statement: Statement) -> Statement:
    """Make a statement of what a round has read, to be held against the gateway's own."""
    seen = pull.transactions.filter(round=pull.round).order_by()
    _check_currencies(set(seen.values_list("currency", flat=True).distinct()), statement)
    sums = seen.values_list("category").annotate(Sum("gross_cents"), Sum("net_cents")).order_by("category")
    return replace(statement, earnings=tuple(CategoryEarnings(*row) for row in sums))


def add_up(transactions: Collection[Transaction], statement: Statement) -> Statement:
    """Do what `sum_up` does with transactions that are not kept."""
    _check_currencies({one.currency for one in transactions}, statement)
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in transactions:
        sums[one.category][0] += one.gross_cents
        sums[one.category][1] += one.net_cents
    return replace(statement, earnings=tuple(CategoryEarnings(name, *sums[name]) for name in sorted(sums)))


def _check_currencies(found: set[str], statement: Statement) -> None:
    if found - {statement.currency}:
        raise Permanent(f"The gateway lists transactions in {', '.join(sorted(found))}, not in {statement.currency}.")


def note_stored(creator_id: int, month: Month, now: dt.datetime) -> None:
    """Write that what was read of a month is stored, in the transaction that stores it."""
    read = EarningsPull.objects.filter(creator=creator_id, month=month.first_day, is_read=True, stored_at=None)
    read.update(stored_at=now)
