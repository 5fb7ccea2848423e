"""Statuses as coloured labels and signs, for lists of many rows without a template a cell."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceDelivery, StripeEvent, StripeRecord
from common.clock import Month, previous_month

Status = Invoice.Status
INVOICE_TONES: dict[str, str] = {
    Status.DRAFT: "",
    Status.HELD: "warning",
    Status.REJECTED: "danger",
    Status.NOTHING_DUE: "",
    Status.FINALIZED: "info",
    Status.PAID: "success",
    Status.UNCOLLECTIBLE: "danger",
    Status.CREDITED: "",
    Status.VOID: "",
}
DELIVERY_TONES: dict[str, str] = {
    InvoiceDelivery.Status.PENDING: "",
    InvoiceDelivery.Status.RUNNING: "info",
    InvoiceDelivery.Status.DONE: "success",
    InvoiceDelivery.Status.SKIPPED: "",
    InvoiceDelivery.Status.FAILED: "danger",
    InvoiceDelivery.Status.UNKNOWN: "warning",
}
PAYMENT_TONES: dict[str, str] = {
    StripeRecord.State.OPEN: "info",
    StripeRecord.State.UNCOLLECTIBLE: "danger",
    StripeRecord.State.VOID: "warning",
    StripeRecord.State.PAID: "success",
}
EVENT_TONES: dict[str, str] = {
    StripeEvent.Status.WAITING: "",
    StripeEvent.Status.WORKING: "info",
    StripeEvent.Status.DONE: "success",
    StripeEvent.Status.IGNORED: "",
    StripeEvent.Status.DEAD: "danger",
    StripeEvent.Status.DISMISSED: "",
}
STEP_ICONS: dict[str, str] = {
    InvoiceDelivery.Step.PDF: "picture_as_pdf",
    InvoiceDelivery.Step.STORE: "cloud_done",
    InvoiceDelivery.Step.STRIPE: "credit_card",
    InvoiceDelivery.Step.EMAIL: "mail",
    InvoiceDelivery.Step.STRIPE_VOID: "credit_card_off",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a step of an invoice's delivery is, as a small sign with words for those who can't see it."""

    icon: str
    tone: str
    text: str


def describe_billing(account: BillingAccount) -> tuple[str, str]:
    """Return whether runs for everybody bill an organization, and by which tone."""
    status, first = account.organization.status, account.first_month
    if account.is_parked:
        return "Parked", "warning"
    if status != Organization.Status.ACTIVE:
        return f"Not billed: {account.organization.get_status_display().lower()}", "warning"
    if first and first > previous_month().first_day:
        return f"Billed from {Month.of(first).label} on", "info"
    return "Billed", "success"


def mark_deliveries(invoice: Invoice) -> list[Mark]:
    """Make a sign for each step of an invoice's delivery, of the last e-mail where there are several."""
    latest = {delivery.step: delivery for delivery in sorted(invoice.deliveries.all(), key=lambda d: d.sequence)}
    return [_mark(step, latest[step]) for step in STEP_ICONS if step in latest]


def _mark(step: str, delivery: InvoiceDelivery) -> Mark:
    text = f"{delivery.get_step_display()}: {delivery.get_status_display().lower()}"
    if delivery.error:
        text += f". {delivery.error}"
    return Mark(STEP_ICONS[step], DELIVERY_TONES.get(delivery.status, ""), text)


_labels: dict[tuple[str, str], str] = {}


def show_label(text: str, tone: str, title: str = "") -> str:
    """Write the theme's label, rendered once for each text and tone; `title` shows on hovering."""
    if (text, tone) not in _labels:
        _labels[text, tone] = render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})
    return format_html('<span title="{}">{}</span>', title, _labels[text, tone]) if title else _labels[text, tone]


def show_marks(marks: Iterable[Mark]) -> str:
    """Write signs in a row."""
    sign = (
        '<span class="hz-sign hz-tone-{}" title="{}" role="img" aria-label="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span></span>'
    )
    signs = format_html_join("", sign, ((m.tone or "none", m.text, m.text, m.icon) for m in marks))
    return format_html('<span class="hz-signs">{}</span>', signs) if signs else "-"
