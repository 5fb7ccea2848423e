"""Which status follows for an invoice from what Stripe says of its payment."""

from billing.models import Invoice, InvoicePayment

_FOLLOWS: dict[str, str] = {
    InvoicePayment.State.OPEN: Invoice.Status.FINALIZED,
    InvoicePayment.State.UNCOLLECTIBLE: Invoice.Status.UNCOLLECTIBLE,
    # What somebody voids in Stripe stays due here until a person decides: voiding frees a month and its true-ups.
    InvoicePayment.State.VOID: Invoice.Status.FINALIZED,
    InvoicePayment.State.PAID: Invoice.Status.PAID,
}


def get_settled_status(status: str, payment: InvoicePayment | None) -> str:
    """Tell the status of an invoice that is issued and not taken back; of any other it is what people made it."""
    if payment is None or status not in Invoice.ISSUED:
        return status
    # Credited in full by us it would be `credited`; by somebody else in Stripe, that is for a person to look at.
    return Invoice.Status.FINALIZED if payment.is_credited else _FOLLOWS[payment.state]
