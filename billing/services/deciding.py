"""A person's decision on an invoice, and what follows from it outside."""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction

from billing.models import Invoice, InvoiceDelivery
from billing.services.correcting import approve_invoice, credit_invoice, void_invoice
from billing.services.resending import retry_delivery
from common.clock import Month
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def approve_and_bill(invoice_id: int, *, actor: "User | None", reason: str, seen: str | None = None) -> JobRun:
    """Approve a held invoice and start its month's billing for its organization; return that run."""
    invoice = approve_invoice(invoice_id, actor=actor, reason=reason, seen=seen)
    job = get_job("monthly-billing")
    params = read_params(job, {"month": Month.of(invoice.month), "organizations": [invoice.organization_id]})
    run, _ = start(job, params, JobRun.Trigger.ADMIN, actor=actor, reason=reason or "Approved")
    return run


@transaction.atomic
def void_and_deliver(invoice_id: int, *, actor: "User | None", reason: str) -> JobRun | None:
    """Void an issued invoice and, where it reached Stripe, start the run that voids it there; return that run."""
    void_invoice(invoice_id, actor=actor, reason=reason)
    asked = InvoiceDelivery.objects.filter(invoice=invoice_id, step=InvoiceDelivery.Step.STRIPE_VOID)
    return retry_delivery(invoice_id, actor=actor, reason=reason) if asked.exists() else None


@transaction.atomic
def credit_and_deliver(
    invoice_id: int,
    *,
    actor: "User | None",
    reason: str,
    now: dt.datetime,
    amounts: Mapping[int, int] | None = None,
    token: str | None = None,
) -> tuple[Invoice, JobRun]:
    """Issue a credit note, as `credit_invoice` does, and start its delivery; return both."""
    note = credit_invoice(invoice_id, actor=actor, reason=reason, now=now, amounts=amounts, token=token)
    return note, retry_delivery(note.pk, actor=actor, reason=reason)
