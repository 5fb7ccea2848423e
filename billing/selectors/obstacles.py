"""What stands against a decision on an invoice, in a sentence for whoever wants to take it; empty if nothing does."""

from billing.models import BillingAccount, Invoice, InvoiceDelivery, StripeRecord
from billing.selectors.charging import find_excess
from billing.selectors.credits import has_left_to_credit
from billing.selectors.customer_credit import describe_credits, get_refundable, is_in_stripe, list_begun
from common.money import format_money

# Disputes that took the money and are not decided.
OPEN_DISPUTES = ("needs_response", "under_review")
_VOIDABLE = {Invoice.Status.FINALIZED, Invoice.Status.UNCOLLECTIBLE}
# In Stripe, what is credited in full is paid.
_CLOSED: dict[str, str] = {
    Invoice.Status.PAID: "settled",
    Invoice.Status.CREDITED: "settled",
    Invoice.Status.UNCOLLECTIBLE: "uncollectible",
}


def get_obstacle_to_release(invoice: Invoice) -> str:
    """Tell why an invoice can be neither approved nor rejected."""
    if invoice.status == Invoice.Status.HELD:
        return ""
    return f"{invoice} is not held but {invoice.get_status_display().lower()}."


def get_obstacle_to_issue(invoice: Invoice) -> str:
    """Tell why a month's invoice can't be issued: its organization is parked, or Stripe can't charge it by now."""
    account = invoice.organization.billing_account
    if account.is_parked:
        return f"{account} is parked ({account.parked_reason}): unpark it first."
    lines = invoice.lines.order_by("position").values_list("description", "amount_cents")
    return find_excess(invoice.currency, invoice.total_cents, lines, by_stripe=account.deliver_stripe)


def get_obstacle_to_void(invoice: Invoice) -> str:
    """Tell why an invoice or a credit note can't be voided.

    One that comes to zero always can, settled or not: nobody owes or gets anything by it, and it can't be credited.
    """
    if invoice.is_issued and not invoice.total_cents and invoice.status in Invoice.ISSUED:
        return ""
    if not invoice.is_issued or not (invoice.status in _VOIDABLE or _is_settled_by_credit(invoice)):
        return f"{invoice} is {invoice.get_status_display().lower()} and can't be voided."
    in_stripe = invoice.deliveries.filter(step=InvoiceDelivery.Step.STRIPE)
    original = invoice.corrects
    if original and original.status in _CLOSED and in_stripe.exclude(reference="").exists():
        # Stripe voids a credit note only while its invoice is open; settled, the amount is in the customer's balance.
        return (
            f"{original} is {_CLOSED[original.status]} in Stripe, so that {invoice} can't be voided there: let it "
            "stand, and bill the month anew if more is due."
        )
    if not invoice.corrects_id and in_stripe.filter(detail__status="paid").exists():
        return f"{invoice} is settled in Stripe and can't be voided there: credit it instead."
    if invoice.corrections.exclude(status=Invoice.Status.VOID).exists():
        return f"{invoice} has credit notes; void those first."
    if invoice.paid_cents:
        return f"A part of {invoice} is paid, so it can't be voided: credit it instead."
    return ""


def _is_settled_by_credit(invoice: Invoice) -> bool:
    """Return whether a document is settled and no money moved for it, here or in Stripe: void, it returns credit."""
    is_settled = invoice.status == Invoice.Status.PAID and (
        invoice.balance_applied_cents > 0 or invoice.total_cents < 0
    )
    return is_settled and not (invoice.paid_cents or invoice.refunded_cents or is_in_stripe(invoice))


def get_obstacle_to_credit(invoice: Invoice) -> str:
    """Tell why an invoice can't be credited."""
    if invoice.corrects_id:
        return f"{invoice} is a correction and can't be credited; void it instead."
    if not invoice.is_issued or invoice.status not in Invoice.ISSUED:
        return f"{invoice} is {invoice.get_status_display().lower()} and can't be credited."
    record = StripeRecord.objects.filter(invoice=invoice).first()
    if record is not None and record.dispute in OPEN_DISPUTES:
        return f"The payment of {invoice} is disputed: credit it once the bank has decided, or it is given back twice."
    is_credited_there = record is not None and record.foreign_before_cents + record.foreign_after_cents > 0
    if invoice.status == Invoice.Status.UNCOLLECTIBLE and invoice.paid_cents and not is_credited_there:
        return (
            f"{invoice} is uncollectible in Stripe and partly paid: Stripe takes no credit note for it. Refund in "
            "Stripe what was paid; the rest is written off already."
        )
    return "" if has_left_to_credit(invoice) else f"There is nothing left to credit on {invoice}."


def get_obstacle_to_record_payment(invoice: Invoice) -> str:
    """Tell why no payment of an invoice can be recorded by hand."""
    if not invoice.is_issued or invoice.status == Invoice.Status.VOID:
        return f"{invoice} is {invoice.get_status_display().lower()}: payments are recorded on issued invoices."
    if invoice.total_cents <= 0:
        return f"{invoice} asks for nothing, so there is no payment to record."
    return _get_obstacle_in_stripe(invoice, "Record the payment there (“Mark as paid outside of Stripe”)")


def get_obstacle_to_record_refund(invoice: Invoice) -> str:
    """Tell why no refund on a document can be recorded by hand."""
    if not invoice.is_issued or invoice.status == Invoice.Status.VOID:
        return f"{invoice} is {invoice.get_status_display().lower()}: refunds are recorded on issued invoices."
    if invoice.corrects_id and invoice.total_cents < 0:
        return f"{invoice} is a credit note: record the refund on {invoice.corrects}."
    if obstacle := _get_obstacle_in_stripe(invoice, "Refund the payment there"):
        return obstacle
    if not get_refundable(invoice):
        return (
            f"Nothing of {invoice} can be refunded: nothing was paid too much, or later invoices used it up. To give "
            "back what was paid, issue a credit note first."
        )
    return ""


def _get_obstacle_in_stripe(invoice: Invoice, advice: str) -> str:
    if is_in_stripe(invoice):
        return f"{invoice} is collected in Stripe. {advice}: it appears here within seconds."
    sent = invoice.deliveries.filter(step=InvoiceDelivery.Step.STRIPE, status__in=("running", "unknown"))
    if sent.exists():
        return f"{invoice} is on its way to Stripe: wait until that step of its delivery has ended."
    return ""


def get_obstacle_to_collect(invoice: Invoice) -> str:
    """Tell why an invoice that Stripe doesn't know yet must not be opened there: it would ask for the whole total."""
    if invoice.paid_cents or invoice.balance_applied_cents:
        return (
            f"{invoice} was not opened in Stripe, which would ask for the whole total: payments were recorded here, or "
            "credit was used. Collect the rest by hand."
        )
    return ""


def get_obstacle_to_switch_stripe(account_id: int, *, on: bool) -> str:
    """Tell why an account's invoices can't be collected by Stripe from now on, or no longer by it."""
    account = BillingAccount.objects.get(pk=account_id)
    if on == account.deliver_stripe:
        return ""
    if not on and account.stripe_balance_cents:
        balance = format_money(account.stripe_balance_cents, account.organization.currency)
        return (
            f"The customer's balance in Stripe is {balance}, and nothing would use it any more. Refund it or set it to "
            "zero in Stripe, then switch Stripe off."
        )
    if on and (credit := describe_credits(account.organization_id)):
        return (
            f"The customer's credit here is {credit}, and Stripe knows nothing of it. Let the next invoice use it, or "
            "record a refund, then switch Stripe on."
        )
    if on and (begun := list_begun(account.organization_id).first()):
        return f"{begun} is paid in part here. Wait until all of it is paid, or credit it, then switch Stripe on."
    return ""
