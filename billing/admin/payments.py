"""Payment as the invoice's page and the front page show it."""

from typing import Any

from django.urls import reverse

from billing.admin.words import EVENT_TONES, PAYMENT_TONES
from billing.models import Invoice, StripeEvent, StripeRecord
from billing.selectors.figures import count_up_to_many
from billing.selectors.payments import (
    describe_difference,
    get_payment,
    list_advice,
    list_differing,
    list_events_of,
    list_failed_events,
    list_in_condition,
    list_open_disputes,
    list_outstanding,
)
from common.money import format_money

_DISPUTES = {
    "needs_response": "needs a response",
    "warning_needs_response": "inquiry, needs a response",
    "under_review": "under review",
    "warning_under_review": "inquiry, under review",
    "won": "won",
    "lost": "lost",
    "warning_closed": "inquiry, closed",
    "prevented": "prevented",
}


def describe_payment(invoice: Invoice) -> dict[str, Any]:
    """Describe an invoice's payment and the events about it, for its page."""
    payment, owed = get_payment(invoice), _list_owed(invoice)
    events = [(event, EVENT_TONES.get(event.status, "")) for event in list_events_of(invoice)]
    if payment is None:
        advice = list_advice(invoice, None)
        return {"payment": None, "owed": owed, "events": events, "difference": "", "advice": advice}
    return {
        "owed": owed,
        "advice": list_advice(invoice, payment),
        "payment": payment,
        "payment_tone": PAYMENT_TONES.get(payment.state, ""),
        "payment_facts": _list_facts(invoice, payment),
        "events": events,
        "difference": describe_difference(invoice, payment),
    }


def _list_owed(invoice: Invoice) -> list[tuple[str, str]]:
    """List how the amount that is still to be paid comes about; nothing where nothing was ever asked for."""
    if not invoice.is_issued or (invoice.total_cents <= 0 and not invoice.remaining_cents):
        return []
    steps = (
        (
            "Less credit" if invoice.balance_applied_cents > 0 else "Plus earlier balance",
            -invoice.balance_applied_cents,
        ),
        ("Credit notes", -invoice.credited_before_cents),
        ("Paid", -invoice.paid_cents),
        ("Refunded", invoice.refunded_cents),
        ("Taken back by the bank", invoice.disputed_cents),
        ("Credited after payment", -invoice.credited_after_cents),
        ("To the customer's credit", invoice.credit_cents + invoice.balance_applied_cents),
    )
    shown = [("Total", invoice.total_cents), *((name, cents) for name, cents in steps if cents)]
    shown.append(("Remaining", invoice.remaining_cents))
    return [(name, format_money(cents, invoice.currency)) for name, cents in shown]


def _list_facts(invoice: Invoice, payment: StripeRecord) -> list[tuple[str, str, bool]]:
    """List name and text of what is known, and whether it is bad news."""
    facts = []
    if payment.paid_at:
        facts.append(("Settled", f"{payment.paid_at:%Y-%m-%d %H:%M:%S} UTC", False))
    if payment.attempts:
        facts.append(("Attempts", f"{payment.attempts}", False))
    if payment.failed_at:
        is_bad = payment.state != StripeRecord.State.PAID
        why = f": {payment.failure}" if payment.failure else ""
        facts.append(("Last failure", f"{payment.failed_at:%Y-%m-%d %H:%M:%S} UTC{why}", is_bad))
    if payment.dispute:
        how = _DISPUTES.get(payment.dispute, payment.dispute)
        amount = f"{format_money(payment.disputed_cents, invoice.currency)}, " if payment.disputed_cents else ""
        facts.append(("Disputed", f"{amount}{how}", payment.dispute not in {"won"}))
    return facts


def list_payment_figures() -> list[tuple[str, str, str, str]]:
    """List the front page's figures on payment: title, text, where it comes from, tone."""
    invoices, events = (reverse(f"admin:billing_{name}_changelist") for name in ("invoice", "stripeevent"))
    found = _list_outstanding(invoices)
    warned = (
        ("Payment failed", list_in_condition(Invoice.objects.all(), "failed"), "failed", "danger"),
        ("Disputed", list_open_disputes(), "disputed", "danger"),
        ("Differs from Stripe", list_differing(), "differs", "warning"),
    )
    for title, listed, condition, tone in warned:
        if (count := count_up_to_many(listed)) != "0":
            found.append((title, count, f"{invoices}?payment={condition}", tone))
    if (count := count_up_to_many(list_failed_events())) != "0":
        failed = f"{events}?status__exact={StripeEvent.Status.DEAD}"
        found.append(("Stripe events failed", count, failed, "danger"))
    return found


def _list_outstanding(invoices: str) -> list[tuple[str, str, str, str]]:
    found = []
    for owed in list_outstanding() or ():
        outstanding = f"Outstanding, {owed.invoices:,} invoice{'' if owed.invoices == 1 else 's'}"
        found.append((outstanding, format_money(owed.cents, owed.currency), f"{invoices}?payment=outstanding", ""))
        if owed.overdue_cents:
            overdue = format_money(owed.overdue_cents, owed.currency)
            found.append(("of it overdue", overdue, f"{invoices}?payment=overdue", "warning"))
    return found
