"""Delivering again: retries, further e-mails, and e-mails of which nobody knows whether they went out."""

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max

from billing.models import Invoice, InvoiceAction, InvoiceDelivery
from billing.services.actions import note_action
from billing.services.locking import lock_invoice
from common.clock import now
from common.errors import Permanent
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

if TYPE_CHECKING:
    from accounts.models import User

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status


@transaction.atomic
def retry_delivery(invoice_id: int, *, actor: "User | None", reason: str = "") -> JobRun:
    """Start whatever is not done yet to deliver an invoice, void or not."""
    invoice = Invoice.objects.get(pk=invoice_id)
    if not invoice.is_issued:
        raise Permanent(f"{invoice} is not issued yet, so there is nothing to deliver.")
    job = get_job("deliver-invoices")
    params = read_params(job, {"invoices": [invoice_id]})
    run, _ = start(job, params, JobRun.Trigger.ADMIN, actor=actor, reason=reason)
    return run


@transaction.atomic
def resend_invoice(invoice_id: int, *, actor: "User | None", reason: str) -> JobRun:
    """Send an invoice's e-mail once more, as a new e-mail with a Message-ID of its own."""
    invoice = lock_invoice(invoice_id)
    if invoice.status == Invoice.Status.VOID:
        raise Permanent(f"{invoice} is void: nothing of it is mailed any more.")
    sent = InvoiceDelivery.objects.filter(invoice=invoice, step=Step.EMAIL)
    if not sent.exists() or sent.exclude(status=Status.DONE).exists():
        raise Permanent(f"The e-mail of {invoice} is not sent yet: retry it instead.")
    last = sent.aggregate(last=Max("sequence"))["last"]
    InvoiceDelivery.objects.create(invoice=invoice, step=Step.EMAIL, sequence=last + 1)
    data = {"sequence": last + 1}
    note_action(invoice, InvoiceAction.Verb.RESEND, actor=actor, reason=reason, data=data)
    return retry_delivery(invoice_id, actor=actor, reason=reason)


@transaction.atomic
def settle_email(delivery_id: int, *, was_sent: bool, actor: "User | None", reason: str) -> JobRun | None:
    """Decide about an e-mail that may or may not have gone out: it did, or send it again. Returns the run, if any."""
    delivery = InvoiceDelivery.objects.select_for_update().get(pk=delivery_id, step=Step.EMAIL)
    if delivery.status not in {Status.UNKNOWN, Status.FAILED}:
        raise Permanent("There is nothing to decide about this e-mail.")
    data = {"was_sent": was_sent, "sequence": delivery.sequence}
    note_action(delivery.invoice, InvoiceAction.Verb.SETTLE, actor=actor, reason=reason, data=data)
    if was_sent:
        delivery.status, delivery.done_at, delivery.error = Status.DONE, now(), ""
        delivery.save(update_fields=["status", "done_at", "error"])
        return None
    delivery.detail |= {"may_resend": True}
    delivery.save(update_fields=["detail"])
    return retry_delivery(delivery.invoice_id, actor=actor, reason=reason)
