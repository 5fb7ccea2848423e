"""Comparing our books with Stripe's before numbers are given: what Stripe has and we don't would be billed again."""

import datetime as dt
from functools import lru_cache

from billing.models import Books, InvoiceDelivery
from billing.providers.stripe_books import StripeDocument, list_documents
from billing.services.books import AFTER_A_RESTORE, find_by_identity, get_books, require_running, stop_deliveries
from billing.services.pacing import open_stripe
from common.clock import Month
from common.errors import Misconfigured
from common.money import format_money
from jobs.models import JobRun

# Between our clock and Stripe's, and between what is done there and written here.
_MARGIN = dt.timedelta(minutes=10)


def check_books(run: JobRun) -> None:
    """Switch deliveries off and raise Misconfigured where Stripe has documents of ours that our books don't.

    Each worker looks once a run: at what was created since the last delivery that our books know of.
    """
    require_running()
    # A database that was restored meanwhile gives the same ids again, but not at the same instant.
    _check_once(run.pk, run.created_at)


@lru_cache(maxsize=100)
def _check_once(run_id: int, created_at: dt.datetime) -> None:
    books = get_books()
    unknown = list_unknown(list(list_documents(open_stripe(), str(books.installation), _since(books))))
    if unknown:
        says = describe_unknown(unknown)
        stop_deliveries(says, who="Comparing with Stripe")
        raise Misconfigured(says)


def _since(books: Books) -> dt.datetime:
    done = InvoiceDelivery.objects.filter(step=InvoiceDelivery.Step.STRIPE, status=InvoiceDelivery.Status.DONE)
    last = done.order_by("-id").values_list("done_at", flat=True).first()
    since = max(books.created_at, last or books.created_at) - _MARGIN
    return max(since, books.resumed_at or since)


def list_unknown(documents: list[StripeDocument]) -> list[StripeDocument]:
    """Keep the documents that are not in our books, or under another number."""
    known = find_by_identity(str(document.identity) for document in documents)
    return [one for one in documents if not is_known(one, known.get(str(one.identity)))]


def is_known(document: StripeDocument, ours: tuple[int, str] | None) -> bool:
    """Return whether our document of the same identity, as (id, number), has the number that Stripe knows."""
    return ours is not None and document.number in {"", ours[1]}


def describe_unknown(unknown: list[StripeDocument]) -> str:
    """Say what Stripe has that our books don't, and what to do."""
    first = min(unknown, key=lambda document: (document.created_at, document.number))
    total, month = format_money(first.total_cents, first.currency), Month.of(first.identity.month).label
    what = f"{first.number or first.id} over {total} for {first.identity.organization}, {month}"
    said = f"{what}, which is" if len(unknown) == 1 else f"{len(unknown):,} documents, the first {what}, which are"
    return f"Stripe has {said} not in our books. {AFTER_A_RESTORE}"
