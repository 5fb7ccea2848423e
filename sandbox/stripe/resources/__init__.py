"""What each operation does: one function an operation, named in `OPERATIONS`."""

from sandbox.stripe.resources import (
    account,
    credit_notes,
    customers,
    disputes,
    events,
    invoice_items,
    invoice_lines,
    invoices,
    payments,
    refunds,
)
from sandbox.stripe.world import Handler

OPERATIONS: dict[str, Handler] = {
    **account.OPERATIONS,
    **customers.OPERATIONS,
    **invoices.OPERATIONS,
    **invoice_items.OPERATIONS,
    **invoice_lines.OPERATIONS,
    **credit_notes.OPERATIONS,
    **payments.OPERATIONS,
    **refunds.OPERATIONS,
    **disputes.OPERATIONS,
    **events.OPERATIONS,
}
