"""What stands against a decision on an invoice, in a sentence for whoever wants to take it; empty if nothing does."""

from billing.models import Invoice, InvoiceDelivery, StripeRecord
from billing.selectors.credits import has_left_to_credit

# Disputes that took the money and are not decided.
OPEN_DISPUTES = ("needs_response", "under_review")
_VOIDABLE = {Invoice.Status.FINALIZED, Invoice.Status.UNCOLLECTIBLE}
# In Stripe, what is credited in full is paid.
_SETTLED = {Invoice.Status.PAID, Invoice.Status.CREDITED}


def get_obstacle_to_release(invoice: Invoice) -> str:
    """Tell why an invoice can be neither approved nor rejected."""
    if invoice.status == Invoice.Status.HELD:
        return ""
    return f"{invoice} is not held but {invoice.get_status_display().lower()}."


def get_obstacle_to_issue(invoice: Invoice) -> str:
    """Tell why a month's invoice can't be issued: its organization is parked."""
    account = invoice.organization.billing_account
    return f"{account} is parked ({account.parked_reason}): unpark it first." if account.is_parked else ""


def get_obstacle_to_void(invoice: Invoice) -> str:
    """Tell why an invoice or a credit note can't be voided.

    One that comes to zero always can, settled or not: nobody owes or gets anything by it, and it can't be credited.
    """
    if invoice.is_issued and not invoice.total_cents and invoice.status in Invoice.ISSUED:
        return ""
    if not invoice.is_issued or invoice.status not in _VOIDABLE:
        return f"{invoice} is {invoice.get_status_display().lower()} and can't be voided."
    in_stripe = invoice.deliveries.filter(step=InvoiceDelivery.Step.STRIPE)
    original = invoice.corrects
    if original and original.status in _SETTLED and in_stripe.exclude(reference="").exists():
        # Stripe voids a credit note only while its invoice is open; settled, the amount is in the customer's balance.
        return (
            f"{original} is settled in Stripe, so that {invoice} can't be voided there: let it stand, and bill the "
            "month anew if more is due."
        )
    if not invoice.corrects_id and in_stripe.filter(detail__status="paid").exists():
        return f"{invoice} is settled in Stripe and can't be voided there: credit it instead."
    if invoice.corrections.exclude(status=Invoice.Status.VOID).exists():
        return f"{invoice} has credit notes; void those first."
    if invoice.paid_cents:
        return f"A part of {invoice} is paid, so it can't be voided: credit it instead."
    return ""


def get_obstacle_to_credit(invoice: Invoice) -> str:
    """Tell why an invoice can't be credited."""
    if invoice.corrects_id:
        return f"{invoice} is a correction and can't be credited; void it instead."
    if not invoice.is_issued or invoice.status not in Invoice.ISSUED:
        return f"{invoice} is {invoice.get_status_display().lower()} and can't be credited."
    record = StripeRecord.objects.filter(invoice=invoice).first()
    if record is not None and record.dispute in OPEN_DISPUTES:
        return f"The payment of {invoice} is disputed: credit it once the bank has decided, or it is given back twice."
    if record is not None and invoice.status == Invoice.Status.UNCOLLECTIBLE and invoice.paid_cents:
        return (
            f"{invoice} is uncollectible in Stripe and partly paid: Stripe takes no credit note for it. Refund in "
            "Stripe what was paid; the rest is written off already."
        )
    return "" if has_left_to_credit(invoice) else f"There is nothing left to credit on {invoice}."
