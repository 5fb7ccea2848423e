"""The invoice in Stripe: customer, draft, lines, compared, finalized; and its void."""

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from billing.models import BillingAccount, Invoice, InvoiceDelivery, InvoiceLine
from billing.providers.stripe import LineToBill, StripeGateway, StripeInvoice
from billing.providers.stripe_events import STATES, InvoiceFacts
from billing.providers.stripe_marks import mark_organization
from billing.selectors.obstacles import get_obstacle_to_collect
from billing.services.balances import lock_invoices
from billing.services.books import identify
from billing.services.delivering.claims import Attempt, Parcel, attempt, is_held
from billing.services.delivering.credit_notes import (
    credit_void_invoice,
    deliver_credit_note,
    is_credit_note,
    release_credit_notes,
    void_credit_note,
)
from billing.services.delivering.keys import burning_keys, get_generation, make_key, make_mark
from billing.services.delivering.leaving import leave_stripe
from billing.services.delivering.recognizing import recognize
from billing.services.events.looking import look_at_invoice
from billing.services.events.records import write_facts
from billing.services.pacing import open_stripe
from common.errors import Permanent, Retryable
from common.money import format_money

Step = InvoiceDelivery.Step
# Stripe takes at most 250 lines; a longer invoice is shown there by kind, the PDF has every line.
_MOST_LINES = 200


def deliver_stripe(parcel: Parcel) -> None:
    """Bring an issued invoice to Stripe, once. Idempotent by (invoice, stripe).

    Stripe is looked at before anything is created there, whatever our rows say.
    """
    with attempt(parcel, Step.STRIPE) as claimed:
        if claimed is None:
            return
        with burning_keys(claimed):
            if is_credit_note(claimed.invoice):
                deliver_credit_note(claimed)
                return
            _deliver_invoice(claimed, claimed.invoice)
            for note in release_credit_notes(claimed.invoice):
                deliver_stripe(Parcel(note, parcel.holder))


def deliver_stripe_void(parcel: Parcel) -> None:
    """Void in Stripe what was voided here; an invoice that never got there, or no further than a draft, is left."""
    with attempt(parcel, Step.STRIPE_VOID) as claimed:
        if claimed is None:
            return
        gateway, account = open_stripe(), claimed.invoice.organization.billing_account
        sent = claimed.invoice.deliveries.filter(step=Step.STRIPE).first()
        if sent and sent.status == InvoiceDelivery.Status.RUNNING and is_held(sent):
            raise Retryable("It is on its way to Stripe right now: it is voided there once it has arrived.")
        if is_credit_note(claimed.invoice):
            with burning_keys(claimed):
                void_credit_note(claimed)
            leave_stripe(claimed.invoice.pk)
            return
        found = gateway.get_invoice_or_none(sent.reference) if sent and sent.reference else None
        if found is None and account.stripe_customer_id:
            found = recognize(claimed.invoice, gateway.list_invoices(account.stripe_customer_id))
        if found is not None and found.status == "paid" and found.total_cents:
            _check_given_back(parcel, found)
        if found is not None and found.status in {"open", "uncollectible"}:
            with burning_keys(claimed):
                if not credit_void_invoice(claimed, found.id):
                    gateway.void_invoice(found.id, make_key(claimed, "void"))
            claimed.remember(reference=found.id)
        leave_stripe(claimed.invoice.pk)


def _check_given_back(parcel: Parcel, found: StripeInvoice) -> None:
    """Raise Permanent where somebody paid what is void here, until all of it was refunded, lost or credited there."""
    seen = look_at_invoice(parcel.invoice_id, found.id)
    given_back = sum(note.amount_cents for note in seen.notes) + sum(seen.free_refunds.values()) + seen.free_lost_cents
    if given_back < seen.total_cents:
        raise Permanent(
            f"{found.id} is paid in Stripe and can't be voided there: refund it in Stripe, or credit it there if it "
            "was paid elsewhere, then retry."
        )


def _deliver_invoice(claimed: Attempt, invoice: Invoice) -> None:
    if not claimed.delivery.reference and (obstacle := _find_obstacle(invoice)):
        claimed.end(InvoiceDelivery.Status.SKIPPED, obstacle)
        return
    gateway = open_stripe()
    if _is_credited(invoice) and not _is_there(claimed, gateway):
        claimed.end(InvoiceDelivery.Status.SKIPPED, "Credited in full before it reached Stripe: nothing is due there.")
        return
    customer, is_new = _find_or_create_customer(claimed, gateway, invoice.organization.billing_account)
    # Whatever our rows say, Stripe is looked at first: a restored backup doesn't know what was done since.
    found = None if is_new else _find_invoice(claimed, gateway, customer)
    if found is None:
        found = gateway.create_invoice(
            customer,
            make_mark(claimed),
            currency=invoice.currency,
            number=invoice.number or "",
            description=f"{invoice.get_kind_display()} {invoice.period.label}",
            days_until_due=settings.INVOICE_DUE_DAYS,
            key=make_key(claimed, "create"),
        )
    claimed.remember(reference=found.id)
    if found.status == "draft":
        _fill(claimed, gateway, found)
        found = gateway.finalize_invoice(found.id, make_key(claimed, "finalize"))
    if found.total_cents != invoice.total_cents:
        theirs, ours = (format_money(cents, invoice.currency) for cents in (found.total_cents, invoice.total_cents))
        raise Permanent(f"Stripe has {theirs} on {found.id}, we have {ours}: compare the lines there.")
    claimed.note(status=found.status, url=found.url)
    claimed.parcel.pay_url = found.url
    if found.balance_applied_cents or found.status != "open":
        _keep_balance(claimed.parcel, found)


def _is_credited(invoice: Invoice) -> bool:
    return Invoice.objects.filter(pk=invoice.pk, status=Invoice.Status.CREDITED).exists()


def _is_there(claimed: Attempt, gateway: StripeGateway) -> bool:
    """Return whether a document is open or settled in Stripe; a draft of it is deleted: nobody needs it any more."""
    customer = claimed.invoice.organization.billing_account.stripe_customer_id
    found = _look_for(claimed, gateway, customer) if customer else None
    if found is not None and found.status == "draft":
        gateway.delete_draft(found.id)
    return found is not None and found.status not in {"draft", "void"}


def _keep_balance(parcel: Parcel, found: StripeInvoice) -> None:
    """Keep at once what Stripe used of the customer's balance: PDF and e-mail, which follow, ask for the rest."""
    state = found.status if found.status in STATES else STATES[0]
    facts = InvoiceFacts(state=state, balance_applied_cents=found.balance_applied_cents)
    with transaction.atomic():
        write_facts({parcel.invoice_id: facts}, {parcel.invoice_id: found.id})
        # Laid out before, where Stripe was left out of a run, it would ask for all.
        laid_out = InvoiceDelivery.objects.filter(invoice=parcel.invoice_id, step__in=[Step.PDF, Step.STORE])
        laid_out.filter(status=InvoiceDelivery.Status.DONE).update(status=InvoiceDelivery.Status.PENDING)
    parcel.content = None
    parcel.invoice.refresh_from_db(fields=["balance_applied_cents", "remaining_cents", "status"])


def _find_obstacle(invoice: Invoice) -> str:
    """Tell why Stripe must not collect it. From the claim on nobody records a payment; whoever is at it is awaited."""
    with transaction.atomic():
        (locked,) = lock_invoices([invoice.pk])
    return get_obstacle_to_collect(locked)


def _find_or_create_customer(claimed: Attempt, gateway: StripeGateway, account: BillingAccount) -> tuple[str, bool]:
    """Return the customer's id, and whether it was created just now, so that nothing can be there yet."""
    former, is_gone = account.stripe_customer_id, account.stripe_customer_deleted_at is not None
    if former and not is_gone:
        return former, False
    organization = account.organization
    if not account.recipient:
        # Stripe takes such a customer and refuses its invoices, and still would after an address is set here.
        raise Permanent(f"{organization} has no e-mail address, which Stripe needs: set one, or switch Stripe off.")
    mark = mark_organization(identify(claimed.invoice).installation, organization.pk)
    known = gateway.find_customer(mark, account.recipient)
    found = known or gateway.create_customer(
        mark,
        organization.name,
        account.recipient,
        # Under the former customer's key Stripe would give that one back.
        f"huntaze-customer-{mark}-{get_generation(claimed)}" + (f"-after-{former}" if is_gone else ""),
    )
    BillingAccount.objects.filter(pk=account.pk, stripe_customer_id=former).update(
        stripe_customer_id=found, stripe_customer_deleted_at=None
    )
    return found, known is None and not claimed.may_have_happened


def _find_invoice(claimed: Attempt, gateway: StripeGateway, customer: str) -> StripeInvoice | None:
    found = _look_for(claimed, gateway, customer)
    if found is not None and found.status == "void":
        raise Permanent(f"{found.id} was voided in Stripe: void {claimed.invoice} here too, then bill the month anew.")
    return found


def _look_for(claimed: Attempt, gateway: StripeGateway, customer: str) -> StripeInvoice | None:
    if claimed.delivery.reference:
        found = gateway.get_invoice_or_none(claimed.delivery.reference)
        if found is not None:
            return found
        # Somebody deleted the draft, as our message asks: it is made again, under another key.
        claimed.delivery.reference = ""
        claimed.remember(generation=get_generation(claimed) + 1)
    return recognize(claimed.invoice, gateway.list_invoices(customer))


def _fill(claimed: Attempt, gateway: StripeGateway, draft: StripeInvoice) -> None:
    """Add our lines to the draft, those that are missing, and compare what is there with what should be."""
    invoice, wanted = claimed.invoice, _lines(claimed.parcel.lines)
    there = gateway.list_lines(draft.id) if claimed.may_have_happened else {}
    missing = [line for line in wanted if line.mark not in there]
    if missing:
        key = make_key(claimed, f"lines-{len(there)}")
        draft, shown = gateway.add_lines(draft.id, invoice.currency, missing, key)
        there = gateway.list_lines(draft.id) if shown is None else shown
    if there != {line.mark: line.amount_cents for line in wanted}:
        count, total = len(there), format_money(sum(there.values()), invoice.currency)
        raise Permanent(
            f"Stripe's draft {draft.id} has {count} lines and {total}; ours has {len(wanted)} lines and "
            f"{format_money(invoice.total_cents, invoice.currency)}. Delete the draft in Stripe, then retry."
        )
    _check_total(draft, invoice)


def _check_total(draft: StripeInvoice, invoice: Invoice) -> None:
    """Refuse a draft to which Stripe, or somebody there, added tax or a discount: finalized, it would ask for that."""
    if draft.total_cents != invoice.total_cents:
        theirs, ours, tax, discount = (
            format_money(cents, invoice.currency)
            for cents in (draft.total_cents, invoice.total_cents, draft.tax_cents, draft.discount_cents)
        )
        raise Permanent(
            f"Stripe's draft {draft.id} comes to {theirs} (with {tax} of automatic tax and {discount} of discounts), "
            f"ours to {ours}. It was not finalized: take tax and discounts off the draft in Stripe, then retry."
        )


def _lines(lines: Sequence[InvoiceLine]) -> list[LineToBill]:
    if len(lines) <= _MOST_LINES:
        return [LineToBill(f"{line.position}", line.description, line.amount_cents) for line in lines]
    kinds = dict.fromkeys(line.kind for line in lines)
    grouped = []
    for kind in kinds:
        same = [line.amount_cents for line in lines if line.kind == kind]
        grouped.append(LineToBill(kind, f"{InvoiceLine.Kind(kind).label} ({len(same)} lines)", sum(same)))
    return grouped
