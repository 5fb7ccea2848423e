"""Applying events to invoices and accounts: what they say is joined with what is known, under the invoices' locks."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from accounts.services.auditing import describe_action, record_actions
from billing.models import BillingAccount, Invoice, InvoiceDelivery, InvoicePayment, StripeEvent
from billing.providers.stripe_events import (
    CHARGE_TYPES,
    CUSTOMER_TYPES,
    INVOICE_TYPES,
    CustomerReport,
    InvoiceFacts,
    InvoiceReport,
    read_customer,
    read_invoice,
    read_payment_intent,
)
from billing.services.events.settling import get_settled_status
from billing.services.recording import record_invoices
from common.errors import Retryable, WorkError

Status = StripeEvent.Status
_FACTS = (
    "stripe_invoice",
    "state",
    "is_credited",
    "amount_paid_cents",
    "paid_at",
    "attempts",
    "failed_attempt",
    "failed_at",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event; `look_at` names what has to be looked up in Stripe before it is done,
    for which it waits on.
    """

    status: str = Status.DONE
    note: str = ""
    error: WorkError | None = None
    invoice_id: int | None = None
    account_id: int | None = None
    look_at: str = ""


def apply_events(events: Iterable[StripeEvent]) -> dict[int, Outcome]:
    """Apply events, all in the caller's transaction; return the outcome of each by its id.

    Idempotent, and the same in whatever order, in whatever parts and however often they come.
    """
    outcomes: dict[int, Outcome] = {}
    invoices: dict[int, tuple[StripeEvent, InvoiceReport]] = {}
    customers: dict[int, CustomerReport] = {}
    for event in events:
        try:
            if event.type in INVOICE_TYPES:
                invoices[event.pk] = event, read_invoice(event.body)
            elif event.type in CUSTOMER_TYPES:
                customers[event.pk] = read_customer(event.body)
            else:
                outcomes[event.pk] = _send_to_look(event)
        except WorkError as error:
            outcomes[event.pk] = Outcome(Status.FAILED, error=error)
    return outcomes | _apply_to_invoices(invoices) | _apply_to_accounts(customers)


def _send_to_look(event: StripeEvent) -> Outcome:
    if event.type not in CHARGE_TYPES:
        return Outcome(Status.IGNORED, note="Nothing follows here from events of this type.")
    intent = read_payment_intent(event.body)
    if not intent:
        return Outcome(Status.IGNORED, note="It belongs to no payment of an invoice.")
    return Outcome(Status.PENDING, look_at=intent)


def _apply_to_invoices(reports: Mapping[int, tuple[StripeEvent, InvoiceReport]]) -> dict[int, Outcome]:
    places = _Places([report for _, report in reports.values()])
    outcomes: dict[int, Outcome] = {}
    facts: defaultdict[int, InvoiceFacts] = defaultdict(InvoiceFacts)
    stripe_ids: dict[int, str] = {}
    for id_, (event, report) in reports.items():
        found = places.find(report)
        if isinstance(found, Outcome):
            outcomes[id_] = found
            continue
        facts[found] = facts[found].join(report.facts)
        stripe_ids[found] = report.stripe_id
        fails = event.type == "invoice.payment_failed"
        outcomes[id_] = Outcome(
            Status.PENDING if fails else Status.DONE,
            invoice_id=found,
            look_at=report.stripe_id if fails else "",
        )
    write_facts(facts, stripe_ids)
    return outcomes


class _Places:
    """Which of our invoices an event is about."""

    def __init__(self, reports: Sequence[InvoiceReport]) -> None:
        deliveries = InvoiceDelivery.objects.filter(step=InvoiceDelivery.Step.STRIPE)
        self._by_reference = dict(
            deliveries.filter(reference__in={report.stripe_id for report in reports}).values_list(
                "reference", "invoice"
            )
        )
        strays = [report for report in reports if report.stripe_id not in self._by_reference]
        marks = {int(report.mark) for report in strays if report.mark.isdecimal() and len(report.mark) <= 18}
        self._numbers = dict(Invoice.objects.filter(pk__in=marks).values_list("pk", "number")) if marks else {}
        delivered = deliveries.filter(invoice__in=self._numbers).exclude(reference="") if marks else deliveries.none()
        self._elsewhere = dict(delivered.values_list("invoice", "reference"))

    def find(self, report: InvoiceReport) -> int | Outcome:
        """Find it, or say what becomes of the event where there is none, or none yet."""
        if report.stripe_id in self._by_reference:
            return int(self._by_reference[report.stripe_id])
        marked = int(report.mark) if report.mark.isdecimal() and len(report.mark) <= 18 else 0
        # Another installation may share the account, and count its invoices as we do: the number tells them apart.
        if marked not in self._numbers or report.number not in {"", self._numbers[marked]}:
            return Outcome(Status.IGNORED, note="It is about none of our invoices.")
        number = self._numbers[marked]
        if marked in self._elsewhere:
            return Outcome(Status.IGNORED, note=f"{number} is {self._elsewhere[marked]} in Stripe, not this one.")
        error = Retryable(f"{report.stripe_id} bears the mark of {number}, whose delivery to Stripe is not noted yet.")
        return Outcome(Status.PENDING, error=error)


def write_facts(facts: Mapping[int, InvoiceFacts], stripe_ids: Mapping[int, str]) -> None:
    """Join what is now said of invoices with what is known, and let their status follow."""
    if not facts:
        return
    locked = Invoice.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=facts).order_by("pk")
    invoices = list(
        locked.only("pk", "status", "number", "kind", "month", "organization_id", "currency", "total_cents")
    )
    known = InvoicePayment.objects.in_bulk(list(facts))
    changed = []
    for invoice in invoices:
        payment = known.get(invoice.pk) or InvoicePayment(invoice=invoice, stripe_invoice=stripe_ids[invoice.pk])
        if _join(payment, facts[invoice.pk]) or invoice.pk not in known:
            changed.append(payment)
    InvoicePayment.objects.bulk_create(changed, update_conflicts=True, unique_fields=["invoice"], update_fields=_FACTS)
    settle(invoices, {**known, **{payment.invoice_id: payment for payment in changed}})


def _join(payment: InvoicePayment, facts: InvoiceFacts) -> bool:
    """Join facts into a row; return whether it changed."""
    before = InvoiceFacts(
        payment.state,
        payment.is_credited,
        payment.amount_paid_cents,
        payment.paid_at,
        payment.attempts,
        (payment.failed_attempt, payment.failed_at) if payment.failed_at else None,
    )
    joined = before.join(facts)
    payment.state, payment.is_credited, payment.attempts = joined.state, joined.is_credited, joined.attempts
    payment.amount_paid_cents, payment.paid_at = joined.amount_paid_cents, joined.paid_at
    payment.failed_attempt, payment.failed_at = joined.failure or (0, None)
    return joined != before


def settle(invoices: Sequence[Invoice], payments: Mapping[int, InvoicePayment]) -> None:
    """Give locked invoices the status that follows from their payment."""
    moved: defaultdict[str, list[int]] = defaultdict(list)
    entries = []
    for invoice in invoices:
        status = get_settled_status(invoice.status, payments.get(invoice.pk))
        if status != invoice.status:
            moved[status].append(invoice.pk)
            before, after = ({"status": Invoice.Status(each).label} for each in (invoice.status, status))
            entries.append(describe_action("settle", invoice, who="Stripe", before=before, after=after))
    for status, ids in moved.items():
        Invoice.objects.filter(pk__in=ids).update(status=status)
    record_actions(entries)
    _tell_of_paid(invoices, payments, moved[Invoice.Status.PAID])


def _tell_of_paid(invoices: Sequence[Invoice], payments: Mapping[int, InvoicePayment], ids: Collection[int]) -> None:
    if ids:
        moments = {id_: at for id_ in ids if (at := payments[id_].paid_at)}
        record_invoices("invoice.paid", [invoice for invoice in invoices if invoice.pk in ids], moments)


def _apply_to_accounts(reports: Mapping[int, CustomerReport]) -> dict[int, Outcome]:
    accounts = _lock_accounts(reports.values())
    return {id_: _apply_to_account(report, accounts) for id_, report in reports.items()}


def _lock_accounts(reports: Iterable[CustomerReport]) -> list[BillingAccount]:
    ids, marks = {report.stripe_id for report in reports}, {report.organization for report in reports}
    if not ids:
        return []
    known = BillingAccount.objects.filter(stripe_customer_id__in=ids)
    marked = BillingAccount.objects.filter(stripe_customer_id="", organization__in=marks)
    found = [*known.values_list("pk", flat=True), *marked.values_list("pk", flat=True)]
    return list(BillingAccount.objects.select_for_update(no_key=True).filter(pk__in=found).order_by("pk"))


def _apply_to_account(report: CustomerReport, accounts: Sequence[BillingAccount]) -> Outcome:
    """Keep the id of a customer that bears our mark where we have none yet, and note a deletion for good."""
    account = next((found for found in accounts if found.stripe_customer_id == report.stripe_id), None)
    if account is None:
        adopting = (a for a in accounts if not a.stripe_customer_id and a.organization_id == report.organization)
        account = next(adopting, None)
    if account is None:
        return Outcome(Status.IGNORED, note="It is about none of our customers.")
    deleted = [at for at in (account.stripe_customer_deleted_at, report.deleted_at) if at]
    after = report.stripe_id, min(deleted, default=None)
    if (account.stripe_customer_id, account.stripe_customer_deleted_at) != after:
        account.stripe_customer_id, account.stripe_customer_deleted_at = after
        account.save(update_fields=["stripe_customer_id", "stripe_customer_deleted_at"])
    return Outcome(account_id=account.pk)
