"""Reads of invoices for people: a list of any length, what a selection of it comes to, and one invoice's page."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Organization
from billing.models import Invoice, InvoiceAction, InvoiceDelivery, InvoiceLine, NumberSeries
from billing.selectors.inputs import rows
from common.clock import Month
from common.money import format_money
from jobs.models import JobItem, JobRun

# Up to here a selection is summed when it is looked at; beyond, only the planner is asked how large it is.
SUMMED_AT_MOST = 150_000
# How many things a word in the search may stand for.
_FOUND_AT_MOST = 500
_RUNS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Total:
    """What a selection comes to in one currency; `paid` and `dropped` are what is paid, and void or rejected, of it."""

    currency: str
    invoices: int
    subtotal_cents: int
    tax_cents: int
    total_cents: int
    issued_cents: int
    paid_cents: int
    dropped_cents: int

    @property
    def written(self) -> dict[str, str]:
        """The amounts for people, by name without `_cents`."""
        return {
            name.removesuffix("_cents"): format_money(getattr(self, name), self.currency)
            for name in self.__slots__
            if name.endswith("_cents")
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection's size and its totals; no totals where it is too large, and then the size is an estimate."""

    count: int
    totals: tuple[Total, ...] | None


def get_selection(invoices: QuerySet[Invoice]) -> Selection:
    """Count and sum a selection of invoices, as far as that is quick."""
    estimate = estimate_rows(invoices)
    if estimate > SUMMED_AT_MOST:
        return Selection(estimate, None)
    totals = list_totals(invoices)
    return Selection(sum(total.invoices for total in totals), totals)


def list_totals(invoices: QuerySet[Invoice]) -> tuple[Total, ...]:
    """Sum invoices and credit notes by currency."""
    dropped = Q(status__in=[Invoice.Status.VOID, Invoice.Status.REJECTED])
    sums = {
        "documents": Count("id"),
        "subtotal": Sum("subtotal_cents"),
        "tax": Sum("tax_cents"),
        "total": Sum("total_cents"),
        "issued": Sum("total_cents", filter=Q(number__isnull=False) & ~dropped, default=0),
        "paid": Sum("total_cents", filter=Q(status=Invoice.Status.PAID), default=0),
        "dropped": Sum("total_cents", filter=dropped, default=0),
    }
    by_currency = (
        invoices.order_by().values("currency").annotate(**sums).order_by("currency").values_list("currency", *sums)
    )
    # Sums of BIGINT come as NUMERIC: whole all the same.
    return tuple(Total(currency, *map(int, found)) for currency, *found in by_currency)


def estimate_rows(queryset: QuerySet[Any]) -> int:
    """Ask the planner how many rows a query gives, without running it."""
    try:
        plan = queryset.order_by().explain(format="json")
    except EmptyResultSet:
        plan = ""
    # Without a plan the query has a condition that nothing meets, and is never sent.
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0


def list_months() -> list[Month]:
    """List the months from the newest invoice's back to the oldest's."""
    oldest, newest = rows("SELECT min(month), max(month) FROM billing_invoice")[0]
    if oldest is None:
        return []
    first, last = Month.of(oldest), Month.of(newest)
    return [last.plus(-back) for back in range(first.months_until(last) + 1)]


def search_invoices(invoices: QuerySet[Invoice], text: str) -> QuerySet[Invoice]:
    """Find invoices by number, its beginning or its digits, by an outside reference, or by organization.

    What a word stands for is found first, each way by its index; the invoices are then found by key.
    """
    text = text.strip()
    numbered = Invoice.objects.filter(Q(number__startswith=text.upper()) | Q(number__in=_numbers(text))).order_by()
    referred = InvoiceDelivery.objects.filter(reference=text).order_by().values_list("invoice", flat=True)
    found = Q(pk__in=[*numbered.values_list("pk", flat=True)[:_FOUND_AT_MOST], *referred[:_FOUND_AT_MOST]])
    return invoices.filter(found | Q(organization__in=find_organizations(text)))


def find_organizations(text: str) -> list[str]:
    """Find the ids of the organizations that a word stands for: by id, or by a part of the name."""
    named = Organization.objects.filter(Q(pk=text) | Q(name__icontains=text)).order_by()
    return list(named.values_list("pk", flat=True)[:_FOUND_AT_MOST])


def _numbers(text: str) -> list[str]:
    if not text.isascii() or not text.isdigit():
        return []
    return [f"{prefix}-{year}-{int(text):06}" for prefix, year in NumberSeries.objects.values_list("prefix", "year")]


def get_correction_by(invoice: Invoice, token: str) -> Invoice | None:
    """Find the document that a form with this token has issued to correct an invoice; None where it has none yet."""
    done = InvoiceAction.objects.filter(invoice=invoice, token=token).first()
    return Invoice.objects.get(number=done.data["credit_note"]) if done else None


def get_left_to_credit(invoice: Invoice) -> dict[int, int]:
    """Tell what is left of each line, in cents, after the credit notes that stand."""
    left = {line.pk: line.amount_cents for line in invoice.lines.all()}
    credited = InvoiceLine.objects.filter(corrects__invoice=invoice).exclude(invoice__status=Invoice.Status.VOID)
    for line_id, cents in credited.values_list("corrects", "amount_cents"):
        left[line_id or 0] += cents
    return left


def list_deliveries(invoice: Invoice) -> list[InvoiceDelivery]:
    """List an invoice's deliveries in the order in which they are done."""
    order = {step: place for place, step in enumerate(InvoiceDelivery.Step.values)}
    return sorted(invoice.deliveries.all(), key=lambda delivery: (order[delivery.step], delivery.sequence))


def is_worked_on(invoice: Invoice) -> bool:
    """Return whether a run is under way, or waits for a worker, that bills or delivers this invoice."""
    all_or_this = Q(params__organizations=[]) | Q(params__organizations__contains=[invoice.organization_id])
    billing = Q(job="monthly-billing", params__month=str(invoice.period)) & all_or_this
    delivering = Q(job="deliver-invoices", params__invoices__contains=[invoice.pk])
    return JobRun.objects.filter(billing | delivering, status__in=JobRun.ACTIVE, dry_run=False).exists()


def list_runs(invoice: Invoice) -> list[JobRun]:
    """List the last runs that worked on an invoice: billed it, found it billed, delivered it; the newest first."""
    key = str(invoice.pk)
    billed = Q(key=invoice.organization_id, run__job="monthly-billing", result__invoice_id=invoice.pk)
    known = JobItem.objects.filter(key__in=[invoice.organization_id, key], run__dry_run=False)
    worked = known.filter(billed | Q(key=key, run__job="deliver-invoices"))
    # A credit note's run billed the month anew: its item's result is the invoice that came after.
    touched = Q(pk__in=worked.order_by().values("run")) | Q(pk=invoice.run_id)
    return list(JobRun.objects.filter(touched).order_by("-id")[:_RUNS_SHOWN])
