"""Looking up in Stripe what no event's body can tell in any order: refunds, disputes, why a payment failed.

A look takes a ticket before it asks. What it saw is written unless a later ticket's holder has written: the last ticket
was taken after the last change was announced, so what stands in the end is what Stripe then had.
"""

from functools import cache

from django.conf import settings
from django.db import connection

from billing.models import InvoiceDelivery, StripeEvent
from billing.providers.stripe_payments import LookedAt, PaymentsGateway
from billing.services.events.applying import Outcome
from billing.services.pacing import take_stripe_turn
from common.errors import Misconfigured

Status = StripeEvent.Status
_TAKE_TICKET = """
    INSERT INTO billing_invoicepayment (invoice_id, stripe_invoice, state, is_credited, amount_paid_cents, attempts,
        failed_attempt, failure, refunded_cents, dispute, disputed_cents, looks_begun, look_written)
    VALUES (%s, %s, 'open', false, 0, 0, 0, '', 0, '', 0, 1, 0)
    ON CONFLICT (invoice_id) DO UPDATE SET looks_begun = billing_invoicepayment.looks_begun + 1
    RETURNING looks_begun
"""
_WRITE = """
    UPDATE billing_invoicepayment SET refunded_cents = %s, dispute = %s, disputed_cents = %s, failure = %s,
        look_written = %s
    WHERE invoice_id = %s AND look_written < %s
"""


def open_payments() -> PaymentsGateway:
    """Open Stripe for reading, with the key that settings hold, at the pace that all our processes share."""
    if not settings.STRIPE_API_KEY:
        raise Misconfigured("STRIPE_API_KEY is not set.")
    return _gateway(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


@cache
def _gateway(api_key: str, base_url: str) -> PaymentsGateway:
    return PaymentsGateway(api_key, base_url, take_stripe_turn)


def look_at(target: str) -> Outcome:
    """Look at the payments of a Stripe invoice, or of those that a payment was for, and write down what is seen."""
    gateway = open_payments()
    stripe_invoices = [target] if target.startswith("in_") else gateway.find_invoices_paid_by(target)
    sent = InvoiceDelivery.objects.filter(step=InvoiceDelivery.Step.STRIPE, reference__in=stripe_invoices)
    ours = list(sent.values_list("invoice", "reference"))
    for invoice_id, reference in ours:
        ticket = take_ticket(invoice_id, reference)
        write_seen(invoice_id, ticket, gateway.look_at_payments(reference))
    if not ours:
        return Outcome(Status.IGNORED, note="It is about none of our invoices.")
    return Outcome(invoice_id=ours[0][0])


def take_ticket(invoice_id: int, reference: str) -> int:
    """Take the next ticket for a look at an invoice's payments; to be done before Stripe is asked."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_TICKET, [invoice_id, reference])
        ((ticket,),) = cursor.fetchall()
    return int(ticket)


def write_seen(invoice_id: int, ticket: int, seen: LookedAt) -> None:
    """Write what was seen, unless somebody has written who took a later ticket."""
    values = (seen.refunded_cents, seen.dispute, seen.disputed_cents, seen.failure)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [*values, ticket, invoice_id, ticket])
