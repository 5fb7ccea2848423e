"""What is not delivered: what failed, what ended nobody knows how, and what nobody has begun though it is due."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from billing.models import Invoice, InvoiceDelivery
from billing.selectors.invoices import list_months
from common.clock import now

FAILED = (InvoiceDelivery.Status.FAILED, InvoiceDelivery.Status.UNKNOWN)
# So long a run may take to come to what was just voided or credited.
_PATIENCE = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not delivered: which step, how it stands, and what was said."""

    invoice: Invoice
    step: str
    status: str
    error: str = ""


def list_failed_deliveries(step: str = "", statuses: Iterable[str] = FAILED) -> QuerySet[InvoiceDelivery]:
    """List what could not be delivered or ended nobody knows how, at a step or at any."""
    failed = InvoiceDelivery.objects.filter(status__in=list(statuses))
    return failed.filter(step=step) if step else failed


def list_waiting_voids() -> QuerySet[InvoiceDelivery]:
    """List what is void here and was to be voided in Stripe a while ago."""
    # Nothing but these conditions keeps the database from reading every delivery there is: few invoices are void.
    void = {"invoice__status": Invoice.Status.VOID, "invoice__month__in": [m.first_day for m in list_months()]}
    waiting = InvoiceDelivery.objects.filter(
        step=InvoiceDelivery.Step.STRIPE_VOID, status=InvoiceDelivery.Status.PENDING, **void
    )
    return waiting.filter(created_at__lt=now() - _PATIENCE)


def list_forgotten_corrections() -> QuerySet[Invoice]:
    """List the credit notes issued a while ago of whose delivery nothing was begun."""
    issued = Invoice.objects.filter(
        corrects__isnull=False, number__isnull=False, finalized_at__lt=now() - _PATIENCE
    ).exclude(status=Invoice.Status.VOID)
    return issued.filter(~Exists(InvoiceDelivery.objects.filter(invoice=OuterRef("pk"))))


def list_troubles(limit: int) -> list[Trouble]:
    """List what is not delivered, the newest invoices first; of each kind at most so many."""
    deliveries = (list_failed_deliveries(), list_waiting_voids())
    found = [
        Trouble(delivery.invoice, delivery.get_step_display(), delivery.get_status_display(), delivery.error)
        for listed in deliveries
        for delivery in listed.select_related("invoice__organization").order_by("-invoice", "id")[:limit]
    ]
    forgotten = list_forgotten_corrections().select_related("organization").order_by("-id")[:limit]
    found += [Trouble(note, "All of it", "Not begun") for note in forgotten]
    return sorted(found, key=lambda trouble: -trouble.invoice.pk)[:limit]


def list_undelivered(invoices: QuerySet[Invoice], step: str = "") -> QuerySet[Invoice]:
    """Keep the invoices of which a step of the delivery, or any, failed, is in doubt, or is overdue."""
    found: list[QuerySet[Any, Any]] = [list_failed_deliveries(step).order_by().values("invoice")]
    if step in {"", InvoiceDelivery.Step.STRIPE_VOID}:
        found.append(list_waiting_voids().order_by().values("invoice"))
    if not step:
        found.append(list_forgotten_corrections().order_by().values("pk"))
    return invoices.filter(pk__in=found[0].union(*found[1:]) if found[1:] else found[0])


def list_doubtful(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Keep the invoices of which a step of the delivery ended nobody knows how."""
    doubtful = list_failed_deliveries(statuses=[InvoiceDelivery.Status.UNKNOWN])
    return invoices.filter(pk__in=doubtful.order_by().values("invoice"))
