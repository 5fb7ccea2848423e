"""Recognizing a document among what Stripe has already: the same is taken up, one that our books lack stops all."""

from collections.abc import Iterable, Sequence
from typing import NoReturn

from billing.models import Invoice
from billing.providers.stripe import StripeInvoice
from billing.providers.stripe_marks import Identity, read_identity
from billing.services.books import AFTER_A_RESTORE, get_books, identify, stop_deliveries
from common.errors import Misconfigured, Permanent
from common.money import format_money


def recognize(invoice: Invoice, there: Sequence[StripeInvoice]) -> StripeInvoice | None:
    """Find a document among its customer's invoices in Stripe; None where it was never brought there.

    Where Stripe has a document of this month or this number that is not in our books, deliveries are switched off and
    Misconfigured is raised: a database restored from a backup would bill again what was billed after that. Once
    somebody has switched them on again, it is Permanent. What other installations made is nothing to us.
    """
    identity = identify(invoice)
    ours = [(one, found) for one in there if (found := _read_ours(one, identity)) is not None]
    same = next((one for one, found in ours if (found, one.number) == (identity, invoice.number)), None)
    near = [(one, found) for one, found in ours if one is not same and _is_near(one, found, invoice)]
    if unknown := _find_unknown(near, invoice):
        _refuse(unknown, invoice)
    return same


def check_amount(note: Invoice, reference: str, amount_cents: int) -> None:
    """Refuse to take a credit note of Stripe's for ours where it is over another amount: ours is another one, then."""
    if amount_cents != -note.total_cents:
        theirs = format_money(amount_cents, note.currency)
        _stop(f"Stripe has a credit note over {theirs} ({reference}) on {note.corrects} in the place of {note}.")


def _refuse(unknown: StripeInvoice, invoice: Invoice) -> NoReturn:
    total = format_money(unknown.total_cents, invoice.currency)
    says = (
        f"Stripe has {unknown.number or 'a draft'} over {total} ({unknown.id}) for {invoice.organization}, and our "
        f"books don't: {invoice} for {invoice.period.label} was not brought there."
    )
    resumed_at = get_books().resumed_at
    if resumed_at is not None and unknown.created <= resumed_at.timestamp():
        raise Permanent(f"{says} Void the one in Stripe, or void {invoice} here.")
    _stop(says)


def _stop(says: str) -> NoReturn:
    says = f"{says} {AFTER_A_RESTORE}"
    stop_deliveries(says, who="Delivery to Stripe")
    raise Misconfigured(says)


def _read_ours(one: StripeInvoice, identity: Identity) -> Identity | None:
    found = read_identity(one.mark)
    return found if found is not None and found.installation == identity.installation else None


def _is_near(one: StripeInvoice, found: Identity, invoice: Invoice) -> bool:
    """Return whether a document has the same number, or asks for money for the same month."""
    return one.number == invoice.number or (found.month == invoice.month and one.status != "void")


def _find_unknown(near: Iterable[tuple[StripeInvoice, Identity]], invoice: Invoice) -> StripeInvoice | None:
    near = list(near)
    if not near:
        return None
    issued = Invoice.objects.filter(organization=invoice.organization_id, number__isnull=False)
    known = set(issued.values_list("month", "kind", "ordinal", "number"))
    return next((one for one, found in near if (found.month, found.kind, found.ordinal, one.number) not in known), None)
