"""The front page: what ran, what is held, what failed, and what came in."""

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from alerts.admin.pages import SEVERITY_TONES, describe_state
from alerts.models import Severity
from alerts.selectors import count_undelivered, is_anybody_told, list_open_incidents
from billing.admin.payments import list_payment_figures
from billing.models import Invoice
from billing.selectors.books import get_stopped
from billing.selectors.figures import (
    Invoiced,
    count_parked,
    count_up_to_many,
    list_held,
    list_invoiced,
)
from billing.selectors.undelivered import list_troubles, list_undelivered
from common.clock import now, previous_month
from common.money import format_money, minor_digits
from huntaze.overview import describe_jobs
from jobs.admin.words import RUN_TONES
from jobs.models import JobItem, JobRun
from jobs.selectors import count_failed_left, list_failed_left, list_troubled_runs

_SHOWN = 6
_ITEMS_SHOWN = 3
_MONTHS = 12
_CHART_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "responsive": True,
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {"grid": {"display": False}, "ticks": {"color": "#9ca3af"}},
        "y": {"beginAtZero": True, "grid": {}, "border": {"display": False}, "ticks": {"color": "#9ca3af"}},
    },
}


@dataclass(frozen=True)
class Tile:
    """A figure that says how things stand, leading to where it comes from."""

    title: str
    text: str
    address: str
    tone: str = ""


@dataclass(frozen=True)
class Chart:
    """Twelve months of what was invoiced in one currency, as the theme's chart wants them."""

    currency: str
    data: str
    options: str


def front_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what staff see first, each part for those who may see where it comes from."""
    may = request.user.has_perm
    context |= {"tiles": [], "may_bill": may("billing.run_billing"), "previous_month": previous_month()}
    if may("alerts.view_incident"):
        context |= _alerts()
    if may("billing.view_invoice"):
        context |= _billing()
    if may("jobs.view_jobrun"):
        context |= _runs()
    return context


def _alerts() -> dict[str, Any]:
    incidents = list_open_incidents()
    return {
        "shows_alerts": True,
        "incidents": [
            (incident, SEVERITY_TONES[Severity(incident.severity)], describe_state(incident, now()))
            for incident in incidents[:_SHOWN]
        ],
        "incident_count": incidents.count(),
        "is_anybody_told": is_anybody_told(),
        "unsent": count_undelivered(),
    }


def _billing() -> dict[str, Any]:
    held, undelivered = list_held(), list_troubles(_SHOWN)
    count = count_up_to_many(list_undelivered(Invoice.objects.all())) if undelivered else "0"
    invoiced = list_invoiced(previous_month().plus(1 - _MONTHS), previous_month())
    return {
        "shows_billing": True,
        "stopped": get_stopped(),
        "is_fresh": not invoiced and not Invoice.objects.exists(),
        "tiles": _tiles(count_up_to_many(held), count),
        "held": [(invoice, format_money(invoice.total_cents, invoice.currency)) for invoice in held[:_SHOWN]],
        "undelivered": undelivered,
        "charts": _charts(invoiced),
        "invoiced": _tabulate(invoiced),
    }


def _tiles(held: str, undelivered: str) -> list[Tile]:
    invoices = reverse("admin:billing_invoice_changelist")
    accounts = reverse("admin:billing_billingaccount_changelist")
    parked = count_parked()
    return [
        Tile("Held for approval", held, f"{invoices}?status__exact=held", "warning" if held != "0" else ""),
        Tile("Not delivered", undelivered, f"{invoices}?failed=any", "danger" if undelivered != "0" else ""),
        Tile("Accounts parked", f"{parked:,}", f"{accounts}?parked=yes", ""),
        *(Tile(*figure) for figure in list_payment_figures()),
    ]


def _charts(invoiced: list[Invoiced]) -> list[Chart]:
    """Draw a chart for each currency, the one with most documents first."""
    # The month that is being billed has no bar before it has an invoice.
    if not any(row.documents for row in invoiced if row.month == previous_month()):
        invoiced = [row for row in invoiced if row.month != previous_month()]
    by_currency = [list(months) for _, months in groupby(invoiced, lambda row: row.currency)]
    by_currency.sort(key=lambda months: -sum(month.documents for month in months))
    return [_chart(months[0].currency, months) for months in by_currency]


def _chart(currency: str, months: list[Invoiced]) -> Chart:
    digits = minor_digits(currency)
    amounts = [str(Decimal(month.subtotal_cents).scaleb(-digits)) for month in months]
    dataset = {"label": currency, "data": amounts, "backgroundColor": "var(--color-primary-600)", "borderRadius": 4}
    labels = [f"{month.month.first_day:%Y-%m}" for month in months]
    return Chart(currency, json.dumps({"labels": labels, "datasets": [dataset]}), json.dumps(_CHART_OPTIONS))


def _tabulate(invoiced: list[Invoiced]) -> list[dict[str, Any]]:
    """Write the table beside the chart: the newest month first, a row a month and currency that has anything."""
    rows = sorted((r for r in invoiced if r.documents), key=lambda r: (r.month, r.currency), reverse=True)
    return [
        {
            "month": row.month,
            "documents": row.documents,
            "subtotal": format_money(row.subtotal_cents, row.currency),
            "total": format_money(row.total_cents, row.currency),
            "paid": format_money(row.paid_cents, row.currency),
        }
        for row in rows
    ]


def _runs() -> dict[str, Any]:
    troubled = list_troubled_runs()[:_SHOWN]
    return {
        "shows_runs": True,
        **describe_jobs(now()),
        "troubled": [{**_describe_run(run), "items": _name_failed(run)} for run in troubled],
    }


def _name_failed(run: JobRun) -> list[tuple[str, JobItem]]:
    """Return the first failed items that are left, each with what people call the thing it worked on."""
    items = list(list_failed_left(run)[:_ITEMS_SHOWN])
    names = run.declaration.names([item.key for item in items]) if run.declaration else {}
    return [(names.get(item.key, item.key), item) for item in items]


def _describe_run(run: JobRun) -> dict[str, Any]:
    address = reverse("admin:jobs_jobrun_change", args=[run.pk])
    return {
        "run": run,
        "left": count_failed_left(run),
        "address": address,
        "failed_address": f"{address}?status={JobItem.Status.FAILED}",
        "tone": RUN_TONES.get(run.status, ""),
    }
