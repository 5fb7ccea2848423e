"""Reconciling: all documents of our books that Stripe has, against our rows."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from billing.models import Invoice, InvoiceDelivery
from billing.providers.stripe_books import StripeDocument, list_documents
from billing.services.books import find_by_identity, get_books
from billing.services.comparing import is_known
from billing.services.pacing import open_stripe

_A_DAY = dt.timedelta(days=1)
_DELIVERIES = InvoiceDelivery.objects.filter(step=InvoiceDelivery.Step.STRIPE)


class State(StrEnum):
    """How a document stands in both books."""

    IN_STEP = "In step"
    ONLY_THERE = "Only in Stripe"
    ONLY_HERE = "Only here"
    TOTAL = "Totals differ"
    NOT_NOTED = "Delivery not noted here"
    TWICE = "Twice in Stripe"


@dataclass(frozen=True, slots=True)
class Pair:
    """A document in both books, or in one of them."""

    state: State
    there: StripeDocument | None = None
    here: Invoice | None = None

    @property
    def number(self) -> str:
        """The number by which people know it."""
        return (self.here.number or "") if self.here else self.there.number if self.there else ""


def compare_books() -> list[Pair]:
    """Compare all that Stripe has of our books with our rows; by number. One call to Stripe a hundred documents."""
    books = get_books()
    documents = list(list_documents(open_stripe(), str(books.installation), books.created_at - _A_DAY))
    known = find_by_identity(str(document.identity) for document in documents)
    here = Invoice.objects.select_related("organization").in_bulk([id_ for id_, _ in known.values()])
    references = dict(_DELIVERIES.filter(invoice__in=here).values_list("invoice", "reference"))
    pairs = []
    for document in documents:
        ours = known.get(str(document.identity))
        invoice = here[ours[0]] if ours is not None and is_known(document, ours) else None
        reference = references.get(invoice.pk, "") if invoice else ""
        pairs.append(Pair(_judge(document, invoice, reference), document, invoice))
    return sorted([*pairs, *_find_only_here(documents)], key=lambda pair: pair.number)


def _judge(there: StripeDocument, here: Invoice | None, reference: str) -> State:
    if here is None:
        return State.ONLY_THERE
    if reference and reference != there.id:
        return State.TWICE
    if there.status == "draft":
        # On its way; whoever goes on with it compares its lines.
        return State.IN_STEP
    if there.total_cents != here.total_cents or there.currency != here.currency:
        return State.TOTAL
    return State.IN_STEP if reference else State.NOT_NOTED


def _find_only_here(documents: Iterable[StripeDocument]) -> list[Pair]:
    """Find what our rows say was brought to Stripe, and that isn't there."""
    done = _DELIVERIES.filter(status=InvoiceDelivery.Status.DONE).exclude(reference="")
    gone = set(done.values_list("reference", flat=True)) - {document.id for document in documents}
    lost = Invoice.objects.filter(deliveries__in=done.filter(reference__in=gone)).select_related("organization")
    return [Pair(State.ONLY_HERE, here=invoice) for invoice in lost]


def describe_difference(pairs: Iterable[Pair]) -> str:
    """Say how many documents differ, and how; empty where the books agree."""
    counts = {state: sum(pair.state == state for pair in pairs) for state in State if state != State.IN_STEP}
    return ", ".join(f"{state.lower()} {count:,}" for state, count in counts.items() if count)
