"""Locks, taken in one order: billing accounts by organization, then invoices, then a series' counter.

An account's lock is the turn to change what its organization is billed: whoever computes or numbers a month and whoever
approves, rejects, voids, credits or parks holds it until the transaction ends. Moving a creator takes those of both
organizations, by a trigger.
"""

from collections.abc import Iterable

from billing.models import Invoice
from billing.selectors.inputs import rows


def lock_accounts_of(organization_ids: Iterable[str]) -> None:
    """Lock the billing accounts of these organizations."""
    rows(
        "SELECT account.id FROM billing_billingaccount account WHERE account.organization_id = ANY(%s) "
        "ORDER BY account.organization_id FOR UPDATE OF account",
        list(organization_ids),
    )


def lock_invoice(invoice_id: int) -> Invoice:
    """Lock an invoice with its organization's account and what it corrects, both before it; return it as it is then."""
    organization, corrects = Invoice.objects.values_list("organization", "corrects").get(pk=invoice_id)
    lock_accounts_of([organization])
    together = Invoice.objects.select_for_update().filter(pk__in=[invoice_id, corrects or invoice_id])
    return {invoice.pk: invoice for invoice in together.order_by("pk")}[invoice_id]
