"""Leaving be what is not delivered yet of a document that is void."""

from collections.abc import Iterable

from django.db.models import Q

from billing.models import Invoice, InvoiceDelivery

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status
_UNDONE = (Status.PENDING, Status.FAILED, Status.UNKNOWN)
_SAID = "It is void: nothing of it is delivered any more."


def leave_undelivered(invoice_ids: Iterable[int]) -> None:
    """Let no step of void documents wait, or stand as failed or in doubt, but what is to be voided in Stripe."""
    may_be_there = Q(step=Step.STRIPE) & (Q(status=Status.UNKNOWN) | ~Q(reference=""))
    _leave(invoice_ids, Q(step__in=[Step.STRIPE, Step.PDF, Step.STORE, Step.EMAIL]) & ~may_be_there)


def resume_undelivered(invoice_id: int) -> None:
    """Let what was left wait again, of a document that stands again."""
    InvoiceDelivery.objects.filter(invoice=invoice_id, status=Status.SKIPPED, error=_SAID).update(
        status=Status.PENDING, error=""
    )


def leave_stripe(invoice_id: int) -> None:
    """Let the way to Stripe end as well, once the document is void there."""
    _leave([invoice_id], Q(step=Step.STRIPE))


def _leave(invoice_ids: Iterable[int], steps: Q) -> None:
    found = InvoiceDelivery.objects.filter(steps, invoice__in=invoice_ids, invoice__status=Invoice.Status.VOID)
    found.filter(status__in=_UNDONE).update(status=Status.SKIPPED, error=_SAID)
