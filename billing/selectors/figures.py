"""Figures for the front page: what was invoiced by month, what is held, who is parked."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from billing.models import BillingAccount, Invoice
from billing.selectors.inputs import rows
from common.clock import Month

_MANY = 1000


@dataclass(frozen=True, slots=True)
class Invoiced:
    """What was issued for one month in one currency: credit notes taken off, voided invoices left out.

    `paid_cents`, with tax, are those of it that are paid in full.
    """

    month: Month
    currency: str
    documents: int = 0
    subtotal_cents: int = 0
    tax_cents: int = 0
    paid_cents: int = 0

    @property
    def total_cents(self) -> int:
        return self.subtotal_cents + self.tax_cents


def list_invoiced(first: Month, last: Month) -> list[Invoiced]:
    """List what was invoiced for each month from `first` to `last` by currency; months without any are zero."""
    found = {
        (Month.of(month), currency): Invoiced(Month.of(month), currency, *map(int, figures))
        for month, currency, *figures in rows(
            """
            SELECT month, currency, count(*), sum(subtotal_cents), sum(tax_cents),
                coalesce(sum(subtotal_cents + tax_cents) FILTER (WHERE status = 'paid'), 0)
            FROM billing_invoice
            WHERE month >= %s AND month <= %s AND status IN ('finalized', 'paid', 'uncollectible', 'credited')
            GROUP BY month, currency
            """,
            first.first_day,
            last.first_day,
        )
    }
    months = [first.plus(place) for place in range(first.months_until(last) + 1)]
    currencies = sorted({currency for _, currency in found})
    return [found.get((m, c), Invoiced(m, c)) for c in currencies for m in months]


def list_held() -> QuerySet[Invoice]:
    """List the invoices that wait for approval, the oldest first."""
    return Invoice.objects.filter(status=Invoice.Status.HELD).select_related("organization").order_by("id")


def count_up_to_many(queryset: QuerySet[Any]) -> str:
    """Count for people: exactly up to a thousand, `1,000+` beyond."""
    count = queryset.order_by()[: _MANY + 1].count()
    return f"{count:,}" if count <= _MANY else f"{_MANY:,}+"


def count_parked() -> int:
    """Count the organizations that billing leaves out."""
    return BillingAccount.objects.filter(parked_at__isnull=False).count()
