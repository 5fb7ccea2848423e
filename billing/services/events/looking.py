"""Looking up in Stripe what no event's body can tell in any order: credit notes, refunds, disputes, balances.

A look takes a ticket before it asks. What it saw is written unless a later ticket's holder has written: the last ticket
was taken after the last change was announced, so what stands in the end is what Stripe then had.
"""

from django.db import connection, transaction

from billing.models import BillingAccount, Invoice, InvoiceDelivery, StripeEvent, StripeRecord
from billing.providers.stripe_events import STATES
from billing.providers.stripe_marks import read_identity
from billing.providers.stripe_payments import LookedAt, NoteThere
from billing.services.balances import lock_invoices, refresh_balances
from billing.services.events.outcomes import Outcome
from billing.services.events.records import find_places, get_facts, join_facts, store_payments
from billing.services.pacing import open_stripe
from common.errors import Retryable

Status = StripeEvent.Status


def look_at(target: str) -> Outcome:
    """Look at a customer's balance, a Stripe invoice, or those that a payment was for; write down what is seen."""
    if target.startswith("cus_"):
        return _look_at_customer(target)
    gateway = open_stripe()
    stripe_invoices = [target] if target.startswith("in_") else gateway.find_invoices_paid_by(target)
    ours = find_places(stripe_invoices)
    for reference, invoice_id in ours.items():
        look_at_invoice(invoice_id, reference)
    if not ours:
        return Outcome(Status.IGNORED, note="It is about none of our invoices.")
    return Outcome(invoice_id=min(ours.values()))


def look_at_invoice(invoice_id: int, reference: str) -> LookedAt:
    """Look at one invoice in Stripe, write down what is seen, and return it."""
    ticket = take_ticket()
    seen = open_stripe().look_at_invoice(reference)
    write_seen(invoice_id, reference, ticket, seen)
    return seen


def take_ticket() -> int:
    """Take the next ticket for a look; to be done before Stripe is asked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('billing_look')")
        ((ticket,),) = cursor.fetchall()
    return int(ticket)


@transaction.atomic
def write_seen(invoice_id: int, reference: str, ticket: int, seen: LookedAt) -> None:
    """Write what was seen of an invoice, unless somebody has written who took a later ticket.

    Raises Retryable where events have told of more than was seen: then it was seen too early, and is looked at again.
    """
    lock_invoices([invoice_id])
    known = StripeRecord.objects.filter(invoice=invoice_id).first()
    record = known or StripeRecord(invoice_id=invoice_id, stripe_invoice=reference)
    if record.look_written > ticket:
        return
    if _is_behind(seen, record):
        raise Retryable(f"{reference} changed in Stripe while it was looked at.", retry_after=1)
    join_facts(record, seen.facts)
    foreign = [note for note in seen.notes if read_identity(note.mark) is None]
    record.refunded_cents, record.failure = seen.refunded_cents, seen.failure
    record.dispute, record.disputed_cents, record.lost_cents = seen.dispute, seen.disputed_cents, seen.lost_cents
    record.foreign_before_cents = sum(note.before_cents for note in foreign)
    record.foreign_after_cents = sum(note.after_cents for note in foreign)
    record.foreign_returned_cents = sum(note.returned_cents for note in foreign)
    record.look_written = ticket
    record.save(force_insert=known is None)
    _keep_splits(seen.notes)
    store_payments(dict.fromkeys(seen.payments, invoice_id))
    refresh_balances([invoice_id])
    StripeRecord.objects.filter(invoice=invoice_id).update(unexplained_cents=_find_unexplained(invoice_id, seen))


def _is_behind(seen: LookedAt, record: StripeRecord) -> bool:
    known = get_facts(record)
    return seen.facts.amount_paid_cents < known.amount_paid_cents or (
        STATES.index(seen.facts.state) < STATES.index(known.state)
    )


def _keep_splits(notes: tuple[NoteThere, ...]) -> None:
    """Keep how our credit notes took their amounts back: in the end, Stripe decides."""
    ours = find_places([note.id for note in notes if note.mark])
    for id_, place in ours.items():
        (mark,) = {note.mark for note in notes if note.id == id_}
        # Beside the one that we made, those that somebody had made by hand, where they left no room for all of ours.
        same = [note for note in notes if note.mark == mark]
        Invoice.objects.filter(pk=place).update(
            credited_before_cents=sum(note.before_cents for note in same),
            credited_after_cents=sum(note.after_cents for note in same),
            refunded_cents=sum(note.returned_cents for note in same),
        )


def _find_unexplained(invoice_id: int, seen: LookedAt) -> int:
    """Return by how much Stripe asks for more than our rows do; credit notes on their way there are in neither."""
    invoice = Invoice.objects.get(pk=invoice_id)
    if invoice.status not in {*Invoice.ISSUED, Invoice.Status.CREDITED}:
        return 0
    if seen.facts.state not in {"open", "uncollectible", "paid"}:
        return 0
    there = InvoiceDelivery.objects.filter(step=InvoiceDelivery.Step.STRIPE).exclude(reference="")
    notes = invoice.corrections.filter(number__isnull=False).exclude(status=Invoice.Status.VOID)
    under_way = notes.exclude(pk__in=there.values("invoice")).values_list("credited_before_cents", flat=True)
    return seen.remaining_cents - invoice.remaining_cents - sum(under_way)


def _look_at_customer(customer: str) -> Outcome:
    ticket = take_ticket()
    balance = open_stripe().get_customer_balance(customer)
    accounts = BillingAccount.objects.filter(stripe_customer_id=customer)
    accounts.filter(stripe_balance_look__lt=ticket).update(stripe_balance_cents=balance, stripe_balance_look=ticket)
    account = accounts.first()
    if account is None:
        return Outcome(Status.IGNORED, note="It is about none of our customers.")
    return Outcome(account_id=account.pk)
