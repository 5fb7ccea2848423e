"""What Stripe says of our invoices, written down: facts joined in any order, payments kept once each."""

from collections.abc import Mapping, Sequence

from billing.models import InvoiceDelivery, Payment, StripeRecord
from billing.providers.stripe_events import InvoiceFacts, PaymentReport
from billing.services.balances import lock_invoices, refresh_balances
from billing.services.events.outcomes import Outcome, Status

_FACTS = (
    "stripe_invoice",
    "state",
    "is_credited",
    "amount_paid_cents",
    "balance_applied_cents",
    "paid_at",
    "attempts",
    "failed_attempt",
    "failed_at",
)


def write_facts(facts: Mapping[int, InvoiceFacts], stripe_ids: Mapping[int, str]) -> None:
    """Join what is now said of invoices with what is known, and let what is owed and their status follow."""
    if not facts:
        return
    invoices = lock_invoices(facts)
    known = StripeRecord.objects.in_bulk(list(facts))
    changed = []
    for invoice in invoices:
        record = known.get(invoice.pk) or StripeRecord(invoice=invoice, stripe_invoice=stripe_ids[invoice.pk])
        if join_facts(record, facts[invoice.pk]) or invoice.pk not in known:
            changed.append(record)
    StripeRecord.objects.bulk_create(changed, update_conflicts=True, unique_fields=["invoice"], update_fields=_FACTS)
    refresh_balances(facts)


def join_facts(record: StripeRecord, facts: InvoiceFacts) -> bool:
    """Join facts into a row; return whether it changed."""
    before = get_facts(record)
    joined = before.join(facts)
    record.state, record.is_credited, record.attempts = joined.state, joined.is_credited, joined.attempts
    record.amount_paid_cents, record.paid_at = joined.amount_paid_cents, joined.paid_at
    record.balance_applied_cents = joined.balance_applied_cents
    record.failed_attempt, record.failed_at = joined.failure or (0, None)
    return joined != before


def get_facts(record: StripeRecord) -> InvoiceFacts:
    """Return the facts that a row holds."""
    return InvoiceFacts(
        state=record.state,
        is_credited=record.is_credited,
        amount_paid_cents=record.amount_paid_cents,
        balance_applied_cents=record.balance_applied_cents,
        paid_at=record.paid_at,
        attempts=record.attempts,
        failure=(record.failed_attempt, record.failed_at) if record.failed_at else None,
    )


def keep_payments(reports: Mapping[int, PaymentReport]) -> dict[int, Outcome]:
    """Keep payments that events tell of, each once, and let what is owed follow; return what became of the events."""
    if not reports:
        return {}
    places = find_places([report.stripe_invoice for report in reports.values()])
    outcomes = {
        id_: Outcome(invoice_id=places[report.stripe_invoice])
        if report.stripe_invoice in places
        else Outcome(Status.IGNORED, note="It is about none of our invoices.")
        for id_, report in reports.items()
    }
    store_payments(
        {report: places[report.stripe_invoice] for report in reports.values() if report.stripe_invoice in places}
    )
    return outcomes


def find_places(stripe_invoices: Sequence[str]) -> dict[str, int]:
    """Find our invoices by what they are called in Stripe."""
    sent = InvoiceDelivery.objects.filter(step=InvoiceDelivery.Step.STRIPE, reference__in=set(stripe_invoices))
    return dict(sent.values_list("reference", "invoice"))


def store_payments(reports: Mapping[PaymentReport, int]) -> None:
    """Store payments of Stripe's with the invoices that they are for, in the caller's transaction."""
    if not reports:
        return
    lock_invoices(reports.values())
    Payment.objects.bulk_create(
        (
            Payment(
                invoice_id=invoice_id,
                source=Payment.Source.STRIPE,
                amount_cents=report.amount_cents,
                reference=report.reference,
                received_date=report.paid_at.date(),
                external_id=report.id,
            )
            for report, invoice_id in reports.items()
            if report.amount_cents > 0
        ),
        ignore_conflicts=True,
    )
    refresh_balances(reports.values())
