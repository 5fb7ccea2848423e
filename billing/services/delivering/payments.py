"""The invoice in Stripe: customer, draft, lines, compared, finalized; and its voids and credit notes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings

from billing.models import BillingAccount, Invoice, InvoiceDelivery, InvoiceLine
from billing.providers.stripe import LineToBill, SavedFailure, SavedRefusal, StripeGateway, StripeInvoice
from billing.providers.stripe_marks import mark_organization
from billing.services.books import identify
from billing.services.delivering.claims import Attempt, Parcel, attempt, is_held
from billing.services.delivering.recognizing import recognize
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
        with _burning_keys(claimed):
            if claimed.invoice.corrects_id and claimed.invoice.kind == Invoice.Kind.CREDIT_NOTE:
                _deliver_credit_note(claimed, claimed.invoice)
            else:
                _deliver_invoice(claimed, claimed.invoice)


def deliver_stripe_void(parcel: Parcel) -> None:
    """Void in Stripe what was voided here; an invoice that never got there, or no further than a draft, is left."""
    with attempt(parcel, Step.STRIPE_VOID) as claimed:
        if claimed is None:
            return
        gateway, account = open_stripe(), claimed.invoice.organization.billing_account
        sent = claimed.invoice.deliveries.filter(step=Step.STRIPE).first()
        if sent and sent.status == InvoiceDelivery.Status.RUNNING and is_held(sent):
            raise Retryable("It is on its way to Stripe right now: it is voided there once it has arrived.")
        if claimed.invoice.corrects_id and claimed.invoice.kind == Invoice.Kind.CREDIT_NOTE:
            with _burning_keys(claimed):
                _void_credit_note(claimed, gateway, sent.reference if sent else "")
            return
        found = gateway.get_invoice(sent.reference) if sent and sent.reference else None
        if found is None and account.stripe_customer_id:
            found = recognize(claimed.invoice, gateway.list_invoices(account.stripe_customer_id))
        if found is not None and found.status == "paid" and found.total_cents:
            raise Permanent(f"{found.id} is paid in Stripe and can't be voided there: refund it in Stripe.")
        if found is not None and found.status in {"open", "uncollectible"}:
            with _burning_keys(claimed):
                gateway.void_invoice(found.id, _key(claimed, "void"))
            claimed.remember(reference=found.id)


def _void_credit_note(claimed: Attempt, gateway: StripeGateway, reference: str) -> None:
    original = claimed.invoice.corrects
    there = original.deliveries.filter(step=Step.STRIPE).first() if original else None
    if not reference and there and there.reference:
        reference = gateway.find_credit_note(there.reference, _mark(claimed)) or ""
    if reference and gateway.get_credit_note_status(reference) != "void":
        if there and gateway.get_invoice(there.reference).status == "paid":
            amount = format_money(-claimed.invoice.total_cents, claimed.invoice.currency)
            raise Permanent(
                f"{original} is settled in Stripe, which voids no credit note then: take {amount} off the customer's "
                "balance there."
            )
        gateway.void_credit_note(reference, _key(claimed, "void"))
        claimed.remember(reference=reference)


@contextmanager
def _burning_keys(claimed: Attempt) -> Iterator[None]:
    """Note where a key is burnt: the next attempt looks, and where it finds nothing, it needs another one."""
    try:
        yield
    except (SavedFailure, SavedRefusal):
        claimed.remember(generation=_generation(claimed) + 1)
        raise


def _generation(claimed: Attempt) -> int:
    return int(claimed.delivery.detail.get("generation", 1))


def _key(claimed: Attempt, what: str) -> str:
    """Derive the idempotency key from what the document is, and from how many keys of it Stripe has burnt."""
    return f"huntaze-{_mark(claimed)}-{_generation(claimed)}-{what}"


def _mark(claimed: Attempt) -> str:
    return str(identify(claimed.invoice))


def _deliver_invoice(claimed: Attempt, invoice: Invoice) -> None:
    gateway = open_stripe()
    customer, is_new = _find_or_create_customer(claimed, gateway, invoice.organization.billing_account)
    # Whatever our rows say, Stripe is looked at first: a restored backup doesn't know what was done since.
    found = None if is_new else _find_invoice(claimed, gateway, customer)
    if found is None:
        found = gateway.create_invoice(
            customer,
            _mark(claimed),
            currency=invoice.currency,
            number=invoice.number or "",
            description=f"{invoice.get_kind_display()} {invoice.period.label}",
            days_until_due=settings.INVOICE_DUE_DAYS,
            key=_key(claimed, "create"),
        )
    claimed.remember(reference=found.id)
    if found.status == "draft":
        _fill(claimed, gateway, found)
        found = gateway.finalize_invoice(found.id, _key(claimed, "finalize"))
    if found.total_cents != invoice.total_cents:
        theirs, ours = (format_money(cents, invoice.currency) for cents in (found.total_cents, invoice.total_cents))
        raise Permanent(f"Stripe has {theirs} on {found.id}, we have {ours}: compare the lines there.")
    claimed.note(status=found.status, url=found.url)
    claimed.parcel.pay_url = found.url


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
        f"huntaze-customer-{mark}-{_generation(claimed)}" + (f"-after-{former}" if is_gone else ""),
    )
    BillingAccount.objects.filter(pk=account.pk, stripe_customer_id=former).update(
        stripe_customer_id=found, stripe_customer_deleted_at=None
    )
    return found, known is None and not claimed.may_have_happened


def _find_invoice(claimed: Attempt, gateway: StripeGateway, customer: str) -> StripeInvoice | None:
    if claimed.delivery.reference:
        return gateway.get_invoice(claimed.delivery.reference)
    found = recognize(claimed.invoice, gateway.list_invoices(customer))
    if found is not None and found.status == "void":
        raise Permanent(f"{found.id} was voided in Stripe: void {claimed.invoice} here too, then bill the month anew.")
    return found


def _fill(claimed: Attempt, gateway: StripeGateway, draft: StripeInvoice) -> None:
    """Add our lines to the draft, those that are missing, and compare what is there with what should be."""
    invoice, wanted = claimed.invoice, _lines(claimed.parcel.lines)
    there = gateway.list_lines(draft.id) if claimed.may_have_happened else {}
    missing = [line for line in wanted if line.mark not in there]
    if missing:
        key = _key(claimed, f"lines-{len(there)}")
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


def _deliver_credit_note(claimed: Attempt, note: Invoice) -> None:
    """Credit in Stripe what was credited here; where the invoice never got to Stripe there is nothing to do."""
    original = _find_corrected(note)
    if original is None:
        claimed.remember(note="The invoice it corrects is not in Stripe.")
        return
    gateway = open_stripe()
    found = gateway.find_credit_note(original.id, _mark(claimed))
    if found is None:
        found = gateway.create_credit_note(
            original.id,
            _mark(claimed),
            f"Credit note {note.number}",
            -note.total_cents,
            note.currency,
            paid=original.status == "paid",
            key=_key(claimed, "credit"),
        )
    claimed.remember(reference=found)


def _find_corrected(note: Invoice) -> StripeInvoice | None:
    """Find what a credit note corrects as Stripe has it; None where it is not there.

    Raises Permanent where that is not settled: a credit note on half an invoice would leave the other half due.
    """
    sent = InvoiceDelivery.objects.filter(invoice=note.corrects_id, step=Step.STRIPE).first()
    if sent is None:
        return None
    gateway, customer = open_stripe(), note.organization.billing_account.stripe_customer_id
    if sent.reference:
        found: StripeInvoice | None = gateway.get_invoice(sent.reference)
    else:
        found = recognize(note.corrects, gateway.list_invoices(customer)) if customer and note.corrects else None
    unsettled = sent.status == InvoiceDelivery.Status.RUNNING or (found is not None and found.status == "draft")
    if unsettled:
        raise Permanent(f"{note.corrects} is on its way to Stripe: deliver that first, then this.")
    return found
