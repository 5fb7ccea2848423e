"""Payments and refunds that staff record by hand, of invoices that Stripe doesn't collect."""

import datetime as dt
from typing import TYPE_CHECKING

from django.db import transaction

from billing.models import Invoice, InvoiceAction, InvoiceDelivery, Payment
from billing.selectors.customer_credit import get_refundable
from billing.selectors.obstacles import (
    get_obstacle_to_collect,
    get_obstacle_to_record_payment,
    get_obstacle_to_record_refund,
)
from billing.services.actions import note_action
from billing.services.balances import refresh_balances
from billing.services.locking import lock_invoice
from billing.services.resending import retry_delivery
from common.clock import now
from common.errors import Permanent
from common.money import format_money

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def record_payment(
    invoice_id: int,
    *,
    amount_cents: int,
    received_date: dt.date,
    method: str,
    reference: str,
    actor: "User | None",
    token: str | None = None,
    accepts_excess: bool = False,
) -> Payment:
    """Record money that came in for an invoice; what is more than it asks for is the customer's credit.

    Idempotent by `token`. Raises Permanent where the invoice takes no payment, and where the amount is more than what
    remains and nobody accepted that.
    """
    invoice = lock_invoice(invoice_id)
    if done := _find_done(invoice, token):
        return done
    _refuse_for(get_obstacle_to_record_payment(invoice) or _find_fault(amount_cents, received_date))
    if amount_cents > invoice.remaining_cents and not accepts_excess:
        asked, left = (format_money(cents, invoice.currency) for cents in (amount_cents, invoice.remaining_cents))
        raise Permanent(
            f"{asked} is more than the {left} that {invoice} still asks for. Correct the amount, or confirm that the "
            "rest becomes the customer's credit."
        )
    payment = Payment(
        kind=Payment.Kind.PAYMENT,
        amount_cents=amount_cents,
        received_date=received_date,
        method=method,
        reference=reference,
    )
    return _keep(invoice, payment, actor, token)


@transaction.atomic
def record_refund(
    invoice_id: int,
    *,
    amount_cents: int,
    received_date: dt.date,
    method: str,
    reference: str,
    actor: "User | None",
    token: str | None = None,
) -> Payment:
    """Record money that was paid back to a customer: at most what is too much in an invoice and still their credit.

    Idempotent by `token`. Raises Permanent where that is less.
    """
    invoice = lock_invoice(invoice_id)
    if done := _find_done(invoice, token):
        return done
    _refuse_for(get_obstacle_to_record_refund(invoice) or _find_fault(amount_cents, received_date))
    if amount_cents > (most := get_refundable(invoice)):
        asked, left = (format_money(cents, invoice.currency) for cents in (amount_cents, most))
        raise Permanent(
            f"{asked} can't be refunded on {invoice}: the customer has {left} of credit from it. Enter less."
        )
    payment = Payment(
        kind=Payment.Kind.REFUND,
        amount_cents=amount_cents,
        received_date=received_date,
        method=method,
        reference=reference,
    )
    return _keep(invoice, payment, actor, token)


@transaction.atomic
def reverse_payment(payment_id: int, *, reason: str, actor: "User | None") -> Payment:
    """Take back a payment or refund that was recorded in error, or came back; the row stays, with the reason.

    Where Stripe was not to collect the invoice because of it, a run that opens the invoice there is started.
    """
    payment = Payment.objects.get(pk=payment_id)
    invoice = lock_invoice(payment.invoice_id)
    payment.refresh_from_db()
    if not reason.strip():
        raise Permanent("Say why: the reason is kept with the payment.")
    if payment.source != Payment.Source.STAFF:
        raise Permanent("This payment was made in Stripe: refund it there, it appears here within seconds.")
    if payment.reversed_at:
        raise Permanent(f"This {payment.get_kind_display().lower()} is reversed already: {payment.reversed_reason}")
    payment.reversed_at, payment.reversed_by, payment.reversed_reason = now(), actor, reason.strip()
    payment.save(update_fields=["reversed_at", "reversed_by", "reversed_reason"])
    _settle(invoice, InvoiceAction.Verb.REVERSE, payment, actor, reason)
    _let_stripe_collect(invoice, actor, reason)
    return payment


def _let_stripe_collect(invoice: Invoice, actor: "User | None", reason: str) -> None:
    """Deliver to Stripe what was kept from it because of payments, now that none of them counts."""
    invoice.refresh_from_db()
    if invoice.status != Invoice.Status.FINALIZED or get_obstacle_to_collect(invoice):
        return
    kept_back = invoice.deliveries.filter(step=InvoiceDelivery.Step.STRIPE, status=InvoiceDelivery.Status.SKIPPED)
    if kept_back.update(status=InvoiceDelivery.Status.PENDING, error=""):
        retry_delivery(invoice.pk, actor=actor, reason=reason)


def _refuse_for(obstacle: str) -> None:
    if obstacle:
        raise Permanent(obstacle)


def _find_done(invoice: Invoice, token: str | None) -> Payment | None:
    return Payment.objects.filter(invoice=invoice, token=token).first() if token else None


def _find_fault(amount_cents: int, received_date: dt.date) -> str:
    if amount_cents <= 0:
        return "Enter an amount above zero."
    return "The date is in the future: enter the day the money moved." if received_date > now().date() else ""


def _keep(invoice: Invoice, payment: Payment, actor: "User | None", token: str | None) -> Payment:
    payment.invoice, payment.source, payment.recorded_by, payment.token = invoice, Payment.Source.STAFF, actor, token
    payment.save()
    _settle(invoice, payment.kind, payment, actor, "")
    return payment


def _settle(invoice: Invoice, verb: str, payment: Payment, actor: "User | None", reason: str) -> None:
    data = {
        "payment": payment.pk,
        "amount": format_money(payment.amount_cents, invoice.currency),
        "date": str(payment.received_date),
        "method": payment.get_method_display(),
        "reference": payment.reference,
    }
    note_action(invoice, verb, actor=actor, reason=reason, data=data)
    refresh_balances([invoice.pk])
