"""Which invoice took the place of which: a month that is billed anew names what it was billed by before."""

from billing.models import Invoice, InvoiceAction
from billing.selectors.inputs import Account, rows
from common.clock import Month

_ENDS = {Invoice.Status.VOID: InvoiceAction.Verb.VOID, Invoice.Status.CREDITED: InvoiceAction.Verb.CREDIT}


def fill_replaced(accounts: dict[str, Account], month: Month) -> None:
    """Add to the accounts which void or credited document of the month, the newest, is to be replaced."""
    found = rows(
        """
        SELECT organization_id, max(id) FROM billing_invoice
        WHERE organization_id = ANY(%s) AND month = %s AND status IN ('credited', 'void')
            AND number IS NOT NULL AND corrects_id IS NULL
        GROUP BY organization_id
        """,
        list(accounts),
        month.first_day,
    )
    for organization, invoice_id in found:
        accounts[organization].replaced_id = invoice_id


def get_replacement(invoice: Invoice) -> Invoice | None:
    """Return the newest document that replaces this one; None where nothing does."""
    again = Invoice.objects.filter(organization=invoice.organization_id, month=invoice.month, replaces=invoice)
    return again.order_by("-id").first()


def get_end(invoice: Invoice) -> InvoiceAction | None:
    """Return who voided an invoice, or credited the last of it, and why; None where it counts."""
    ends = InvoiceAction.objects.filter(invoice=invoice, verb=_ENDS.get(Invoice.Status(invoice.status)))
    return ends.select_related("invoice", "actor").first()
