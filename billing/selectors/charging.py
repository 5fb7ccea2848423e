"""What Stripe can charge."""

from collections.abc import Iterable

from django.conf import settings

from billing.providers.stripe_amounts import most_cents
from common.money import format_money


def find_excess(currency: str, total_cents: int, lines: Iterable[tuple[str, int]], *, by_stripe: bool) -> str:
    """Say what of an invoice through Stripe, its total or a line, is more than Stripe takes; empty where nothing is."""
    if not (by_stripe and settings.INVOICE_ENABLE_STRIPE):
        return ""
    most = most_cents(currency)
    for name, cents in [("The total", total_cents), *((f"The line “{said}”", cents) for said, cents in lines)]:
        if abs(cents) > most:
            return (
                f"{name} comes to {format_money(cents, currency)}, and Stripe takes at most "
                f"{format_money(most, currency)}. Switch “Invoice through Stripe” off on the billing account, then "
                "run the month again."
            )
    return ""
