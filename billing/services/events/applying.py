"""Applying events to invoices and accounts: what they say is joined with what is known, under the invoices' locks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from billing.models import BillingAccount, InvoiceDelivery, StripeEvent
from billing.providers.stripe_events import (
    BALANCE_TYPES,
    CHARGE_TYPES,
    CUSTOMER_TYPES,
    INVOICE_TYPES,
    NOTE_TYPES,
    PAYMENT_TYPES,
    CustomerReport,
    InvoiceFacts,
    InvoiceReport,
    PaymentReport,
    read_customer,
    read_invoice,
    read_payment,
    read_payment_intent,
    read_subject,
)
from billing.providers.stripe_marks import read_organization
from billing.services.balances import lock_invoices
from billing.services.books import find_by_identity, get_books
from billing.services.events.outcomes import Outcome
from billing.services.events.records import find_places, keep_payments, write_facts
from common.errors import Retryable, WorkError

Status = StripeEvent.Status


def apply_events(events: Iterable[StripeEvent]) -> dict[int, Outcome]:
    """Apply events, all in the caller's transaction; return the outcome of each by its id.

    Idempotent, and the same in whatever order, in whatever parts and however often they come.
    """
    outcomes: dict[int, Outcome] = {}
    invoices: dict[int, InvoiceReport] = {}
    payments: dict[int, PaymentReport] = {}
    customers: dict[int, CustomerReport] = {}
    for event in events:
        try:
            if event.type == "invoice.updated" and _is_draft(event):
                outcomes[event.pk] = Outcome(Status.IGNORED, note="It is a draft in Stripe still.")
            elif event.type in INVOICE_TYPES:
                invoices[event.pk] = read_invoice(event.body)
            elif event.type in PAYMENT_TYPES:
                payments[event.pk] = read_payment(event.body)
            elif event.type in CUSTOMER_TYPES:
                customers[event.pk] = read_customer(event.body)
            else:
                outcomes[event.pk] = _send_to_look(event)
        except WorkError as error:
            outcomes[event.pk] = Outcome(Status.DEAD, error=error)
    # Accounts before invoices: the order in which everybody locks them.
    outcomes |= _apply_to_accounts(customers)
    # All invoices at once, in one order: locked part by part, two batches could wait for each other.
    told = [report.stripe_id for report in invoices.values()] + [report.stripe_invoice for report in payments.values()]
    lock_invoices(find_places(told).values())
    return outcomes | _apply_to_invoices(invoices) | keep_payments(payments)


def _is_draft(event: StripeEvent) -> bool:
    thing = event.body.get("data", {}).get("object", {})
    return isinstance(thing, dict) and thing.get("status") == "draft"


def _send_to_look(event: StripeEvent) -> Outcome:
    if event.type in NOTE_TYPES + BALANCE_TYPES:
        subject = read_subject(event.body)
    elif event.type in CHARGE_TYPES:
        subject = read_payment_intent(event.body)
    else:
        return Outcome(Status.IGNORED, note="Nothing follows here from events of this type.")
    if not subject:
        return Outcome(Status.IGNORED, note="It belongs to no payment of an invoice.")
    return Outcome(Status.WAITING, look_at=subject)


def _apply_to_invoices(reports: Mapping[int, InvoiceReport]) -> dict[int, Outcome]:
    places = _Places(list(reports.values()))
    outcomes: dict[int, Outcome] = {}
    facts: defaultdict[int, InvoiceFacts] = defaultdict(InvoiceFacts)
    stripe_ids: dict[int, str] = {}
    for id_, report in reports.items():
        found = places.find(report)
        if isinstance(found, Outcome):
            outcomes[id_] = found
            continue
        facts[found] = facts[found].join(report.facts)
        stripe_ids[found] = report.stripe_id
        outcomes[id_] = Outcome(
            Status.WAITING if report.must_look else Status.DONE,
            invoice_id=found,
            look_at=report.stripe_id if report.must_look else "",
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
        self._marked = find_by_identity(report.mark for report in strays)
        ids = [id_ for id_, _ in self._marked.values()]
        delivered = deliveries.filter(invoice__in=ids).exclude(reference="") if ids else deliveries.none()
        self._elsewhere = dict(delivered.values_list("invoice", "reference"))

    def find(self, report: InvoiceReport) -> int | Outcome:
        """Find it, or say what becomes of the event where there is none, or none yet."""
        if report.stripe_id in self._by_reference:
            return int(self._by_reference[report.stripe_id])
        marked, number = self._marked.get(report.mark, (0, ""))
        # A document that our books lost may have been what one of another number is now.
        if not marked or report.number not in {"", number}:
            return Outcome(Status.IGNORED, note="It is about none of our invoices.")
        if marked in self._elsewhere:
            return Outcome(Status.IGNORED, note=f"{number} is {self._elsewhere[marked]} in Stripe, not this one.")
        error = Retryable(f"{report.stripe_id} bears the mark of {number}, whose delivery to Stripe is not noted yet.")
        return Outcome(Status.WAITING, error=error)


def _apply_to_accounts(reports: Mapping[int, CustomerReport]) -> dict[int, Outcome]:
    installation = str(get_books().installation) if reports else ""
    reports = {
        id_: replace(report, organization=read_organization(report.organization, installation))
        for id_, report in reports.items()
    }
    accounts = _lock_accounts(reports.values())
    return {id_: _apply_to_account(report, accounts) for id_, report in reports.items()}


def _lock_accounts(reports: Iterable[CustomerReport]) -> list[BillingAccount]:
    ids, marks = {report.stripe_id for report in reports}, {report.organization for report in reports}
    if not ids:
        return []
    known = BillingAccount.objects.filter(stripe_customer_id__in=ids)
    marked = BillingAccount.objects.filter(stripe_customer_id="", organization__in=marks)
    found = [*known.values_list("pk", flat=True), *marked.values_list("pk", flat=True)]
    return list(BillingAccount.objects.select_for_update(no_key=True).filter(pk__in=found).order_by("organization_id"))


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
    if report.deleted_at is None and report.balance_cents != account.stripe_balance_cents:
        # A balance rises and falls, and events have no order: what holds now is looked up.
        return Outcome(Status.WAITING, account_id=account.pk, look_at=report.stripe_id)
    return Outcome(account_id=account.pk)
