"""What is paid, what is owed, and where Stripe and we do not say the same."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Upper

from billing.models import BillingAccount, Invoice, InvoiceDelivery, Payment, StripeEvent, StripeRecord
from billing.selectors.inputs import rows
from billing.selectors.invoices import SUMMED_AT_MOST, estimate_rows, find_organizations
from common.clock import now
from common.money import format_money

State = StripeRecord.State
# Refunded, lost or credited beyond what was paid; what a credit note stands for was refunded before, and counts once.
# Outside Stripe, a refund pays out what credit notes gave.
IS_GIVEN_BACK_TWICE = Q(
    stripe_record__isnull=False,
    paid_cents__lt=F("refunded_cents")
    + Coalesce(F("stripe_record__lost_cents"), 0)
    + F("credited_after_cents")
    - F("balance_applied_cents")
    - Coalesce(F("stripe_record__foreign_returned_cents"), 0)
    - Coalesce(
        Subquery(
            Invoice.objects.filter(corrects=OuterRef("pk"))
            .exclude(status=Invoice.Status.VOID)
            .order_by()
            .values("corrects")
            .annotate(returned=Sum("refunded_cents"))
            .values("returned")
        ),
        0,
    ),
)
_EVENTS_SHOWN = 30
# Disputes that somebody must answer, and those that others decide.
_TO_ANSWER = ("needs_response", "warning_needs_response")
_UNDECIDED = (*_TO_ANSWER, "under_review", "warning_under_review")
UNSETTLED = (Invoice.Status.FINALIZED, Invoice.Status.UNCOLLECTIBLE)
_UNPAID = (State.OPEN, State.UNCOLLECTIBLE)
CONDITIONS = {
    "outstanding": "Outstanding",
    "overdue": "Overdue",
    "failed": "Payment failed",
    "refunded": "Refunded",
    "disputed": "Disputed",
    "differs": "Differs from Stripe",
}


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What we ask customers for in one currency: what remains of finalized invoices, and what was owed before them."""

    currency: str
    invoices: int
    cents: int
    overdue_cents: int


def list_outstanding() -> list[Outstanding] | None:
    """Sum what is owed by currency; None where that would take long."""
    if estimate_rows(Invoice.objects.filter(status=Invoice.Status.FINALIZED)) > SUMMED_AT_MOST:
        return None
    found = rows(
        """
        WITH owed AS (
            SELECT currency, remaining_cents, due_date FROM billing_invoice
            WHERE status = 'finalized' AND remaining_cents > 0
            UNION ALL
            SELECT currency, remaining_cents, due_date FROM billing_invoice
            JOIN billing_striperecord ON invoice_id = id AND state = 'open'
            WHERE status = 'credited' AND remaining_cents > 0
        )
        SELECT currency, count(*), sum(remaining_cents),
            coalesce(sum(remaining_cents) FILTER (WHERE due_date < %s), 0)
        FROM owed GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        now().date(),
    )
    return [Outstanding(currency, *map(int, figures)) for currency, *figures in found]


def list_in_condition(invoices: QuerySet[Invoice], condition: str) -> QuerySet[Invoice]:
    """Keep the invoices in one of `CONDITIONS`; none where there is no such condition."""
    payments = StripeRecord.objects.order_by()
    chosen = {
        "outstanding": _is_unpaid(),
        "overdue": _is_unpaid(due_date__lt=now().date()),
        "failed": _about(payments.filter(failed_at__isnull=False, state__in=_UNPAID)) & Q(status__in=Invoice.ISSUED),
        "refunded": Q(refunded_cents__gt=0, total_cents__gt=0),
        "disputed": _about(payments.exclude(dispute="")),
        "differs": Q(
            pk__in=_list_taken_back_there().union(_list_kept_there(), _list_unexplained(), _list_given_back_twice())
        ),
    }.get(condition)
    return invoices.none() if chosen is None else invoices.filter(chosen)


def _is_unpaid(**where: Any) -> Q:
    """Match what is asked for: of an invoice that is credited in full, what Stripe asks for that was owed before it."""
    owed = Invoice.objects.filter(remaining_cents__gt=0, **where).order_by().values("pk")
    before = owed.filter(status=Invoice.Status.CREDITED, stripe_record__state=State.OPEN)
    return Q(pk__in=owed.filter(status=Invoice.Status.FINALIZED).union(before))


def _about(payments: QuerySet[StripeRecord]) -> Q:
    return Q(pk__in=payments.values("invoice"))


def _list_taken_back_there() -> QuerySet[StripeRecord, Any]:
    """List the invoices that are due or paid here, and void or credited by somebody else in Stripe."""
    found = StripeRecord.objects.filter(Q(state=State.VOID) | Q(is_credited=True))
    return found.filter(invoice__status__in=Invoice.ISSUED).order_by().values("invoice")


def _list_kept_there() -> QuerySet[Invoice, Any]:
    """List the invoices that are void here and were paid in Stripe, and neither refunded, lost, nor credited."""
    returned = F("stripe_record__refunded_cents") + F("stripe_record__lost_cents")
    kept = Q(stripe_record__amount_paid_cents__gt=returned + F("stripe_record__foreign_after_cents"))
    return Invoice.objects.filter(kept, status=Invoice.Status.VOID).order_by().values("pk")


def _list_unexplained() -> QuerySet[StripeRecord, Any]:
    """List the invoices for which Stripe asks for another amount, or which somebody credited there by hand."""
    by_hand = Q(foreign_before_cents__gt=0) | Q(foreign_after_cents__gt=0)
    found = StripeRecord.objects.filter(by_hand | ~Q(unexplained_cents=0))
    return found.filter(invoice__status__in=[*Invoice.ISSUED, Invoice.Status.CREDITED]).order_by().values("invoice")


def _list_given_back_twice() -> QuerySet[Invoice, Any]:
    """List the invoices of which more was given back than came in."""
    returned = Q(refunded_cents__gt=0) | Q(disputed_cents__gt=0)
    found = Invoice.objects.filter(returned, IS_GIVEN_BACK_TWICE, total_cents__gt=0)
    return found.order_by().values("pk")


def list_differing() -> QuerySet[Invoice]:
    """List the invoices of which Stripe says something that a person must settle."""
    return list_in_condition(Invoice.objects.all(), "differs")


def list_open_disputes() -> QuerySet[Invoice]:
    """List the invoices whose payment is disputed and not decided."""
    return Invoice.objects.filter(_about(StripeRecord.objects.order_by().filter(dispute__in=_UNDECIDED)))


def list_disputes_to_answer() -> QuerySet[StripeRecord]:
    """List the payments whose dispute waits for an answer."""
    return StripeRecord.objects.filter(dispute__in=_TO_ANSWER)


def describe_difference(invoice: Invoice, payment: StripeRecord) -> str:
    """Say in what Stripe and we differ about an invoice, and what to do about it; empty where in nothing."""
    if invoice.status in Invoice.ISSUED and payment.state == State.VOID:
        return "It was voided in Stripe and is still due here. Void it here too, or credit it if the customer has it."
    if invoice.status in Invoice.ISSUED and payment.state == State.PAID and payment.is_credited:
        return "A credit note made in Stripe has settled it there; here it is still due. Issue a credit note here too."
    kept = payment.amount_paid_cents - payment.refunded_cents - payment.lost_cents - payment.foreign_after_cents
    if invoice.status == Invoice.Status.VOID and kept > 0:
        return (
            "It is void here and was paid in Stripe. Refund it there, or credit it there if it was paid elsewhere; or "
            "bill the month again."
        )
    return _describe_amounts(invoice, payment)


def _describe_amounts(invoice: Invoice, record: StripeRecord) -> str:
    by_hand = record.foreign_before_cents + record.foreign_after_cents
    if by_hand and invoice.status != Invoice.Status.VOID:
        amount = format_money(by_hand, invoice.currency)
        return (
            f"A credit note over {amount} was made in Stripe by hand. Issue one over the same amount here: it is taken "
            "for the one in Stripe."
        )
    if record.unexplained_cents and invoice.status in {*Invoice.ISSUED, Invoice.Status.CREDITED}:
        theirs, ours = (
            format_money(cents, invoice.currency)
            for cents in (invoice.remaining_cents + record.unexplained_cents, invoice.remaining_cents)
        )
        return f"Stripe asks for {theirs}, we ask for {ours}. Compare the credit notes and payments in Stripe."
    if Invoice.objects.filter(IS_GIVEN_BACK_TWICE, pk=invoice.pk).exists():
        return (
            "More was given back than came in: a refund came on top of a credit note. Take the difference off the "
            "customer's balance in Stripe, or ask for it again."
        )
    return ""


def list_advice(invoice: Invoice, payment: StripeRecord | None) -> list[str]:
    """Say what there is to do about an invoice after what Stripe told of its payment and its customer."""
    found = []
    if invoice.status in UNSETTLED and (at := _find_deletion(invoice)):
        found.append(
            f"Its customer was deleted in Stripe on {at:%Y-%m-%d}: it can't be paid there any more. "
            "Ask for the money in another way, or credit it."
        )
    if payment is None:
        return found
    if invoice.status == Invoice.Status.CREDITED and payment.state == State.OPEN and invoice.remaining_cents:
        asked = format_money(invoice.remaining_cents, invoice.currency)
        found.append(
            f"It is credited in full. Stripe still asks for {asked}, which the customer owed before: collect it there, "
            "or mark it there as paid elsewhere."
        )
    if payment.dispute in _TO_ANSWER:
        found.append("Answer the dispute in Stripe, before the date given there.")
    if payment.dispute == "lost":
        found.append("The money is gone and the invoice stays paid here: credit it, or ask for the money again.")
    if invoice.status == Invoice.Status.FINALIZED and payment.state == State.OPEN and payment.failed_at:
        found.append("Stripe tries again as it is set up there; when it gives up, ask for another way to pay.")
    if invoice.status == Invoice.Status.UNCOLLECTIBLE:
        found.append("Nobody in Stripe expects it to be paid any more. If nobody here does, issue a credit note.")
    if payment.refunded_cents and invoice.status in Invoice.ISSUED and not invoice.corrections.exists():
        found.append("A refund alone takes nothing off the invoice: issue a credit note for what was given back.")
    return found


def _find_deletion(invoice: Invoice) -> dt.datetime | None:
    """Tell when the customer was deleted in Stripe, where the invoice was sent there."""
    sent = invoice.deliveries.filter(step=InvoiceDelivery.Step.STRIPE).exclude(reference="")
    account = BillingAccount.objects.filter(organization=invoice.organization_id).first()
    return account.stripe_customer_deleted_at if account and sent.exists() else None


def get_payment(invoice: Invoice) -> StripeRecord | None:
    """Return what Stripe says of an invoice's payment; None where nothing yet."""
    return StripeRecord.objects.filter(invoice=invoice).first()


def list_events_of(invoice: Invoice) -> list[StripeEvent]:
    """List the last events about an invoice, the newest first."""
    return list(invoice.stripe_events.defer("body").order_by("-id")[:_EVENTS_SHOWN])


def search_payments(payments: QuerySet[Payment], text: str) -> QuerySet[Payment]:
    """Find payments by the invoice's number, by reference, by Stripe's id, or by organization."""
    text = text.strip()
    referred = Payment.objects.alias(shouted=Upper("reference")).filter(shouted=text.upper()).order_by().values("pk")
    numbered, known = Q(invoice__number=text.upper()), Q(invoice__organization__in=find_organizations(text))
    return payments.filter(Q(pk__in=referred) | Q(external_id=text) | numbered | known)


def list_failed_events() -> QuerySet[StripeEvent]:
    """List the events that could not be processed."""
    return StripeEvent.objects.filter(status=StripeEvent.Status.DEAD)


def list_waiting_events(since: dt.datetime) -> QuerySet[StripeEvent]:
    """List the events that came before an instant and wait still."""
    return StripeEvent.objects.filter(status__in=StripeEvent.UNENDED, received_at__lt=since)
