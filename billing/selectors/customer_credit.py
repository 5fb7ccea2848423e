"""The credit of customers for what is not collected in Stripe, which keeps the balance of what it collects itself.

It is derived from their documents and kept nowhere else: what came in and was credited, less what was asked for.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from billing.models import Invoice, InvoiceDelivery, StripeRecord
from common.money import format_money

_SENT = InvoiceDelivery.objects.filter(invoice=OuterRef("pk"), step=InvoiceDelivery.Step.STRIPE).exclude(reference="")
_KNOWN = StripeRecord.objects.filter(invoice=OuterRef("pk"))


def keep_outside_stripe(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Keep the documents that Stripe knows nothing of."""
    return invoices.exclude(Exists(_SENT) | Exists(_KNOWN))


def is_in_stripe(invoice: Invoice) -> bool:
    """Return whether Stripe knows a document, and so collects it."""
    return not keep_outside_stripe(Invoice.objects.filter(pk=invoice.pk)).exists()


def list_credits(organization_id: str) -> list[tuple[str, int]]:
    """List a customer's credit as (currency, cents), where there is any; negative: the next invoice asks for it."""
    counted = Invoice.objects.filter(organization=organization_id).exclude(credit_cents=0)
    sums = keep_outside_stripe(counted).order_by("currency").values_list("currency").annotate(Sum("credit_cents"))
    return [(currency, int(cents)) for currency, cents in sums if cents]


def get_credit(organization_id: str, currency: str) -> int:
    """Return a customer's credit in one currency."""
    return dict(list_credits(organization_id)).get(currency, 0)


def get_refundable(invoice: Invoice) -> int:
    """Return what can be paid back of an invoice: what is too much in it, as far as nothing used it up since."""
    surplus: int = invoice.credit_cents + invoice.balance_applied_cents
    return max(min(surplus, get_credit(invoice.organization_id, invoice.currency)), 0)


def describe_credits(organization_id: str) -> str:
    """Write a customer's credit for people, all currencies together; empty where there is none."""
    return ", ".join(format_money(cents, currency) for currency, cents in list_credits(organization_id))


def list_begun(organization_id: str) -> QuerySet[Invoice]:
    """List the invoices outside Stripe that are open and of which a part is settled already."""
    is_begun = Q(paid_cents__gt=0) | ~Q(balance_applied_cents=0)
    owed = Invoice.objects.filter(is_begun, organization=organization_id, remaining_cents__gt=0)
    return keep_outside_stripe(owed).order_by("number")
