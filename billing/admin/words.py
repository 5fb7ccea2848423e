"""Statuses as coloured labels."""

from dataclasses import dataclass

from billing.models import Invoice, InvoiceDelivery

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


def mark_deliveries(invoice: Invoice) -> list[Mark]:
    """Make a sign for each step of an invoice's delivery, of the last e-mail where there are several."""
    latest = {delivery.step: delivery for delivery in sorted(invoice.deliveries.all(), key=lambda d: d.sequence)}
    return [_mark(step, latest[step]) for step in STEP_ICONS if step in latest]


def _mark(step: str, delivery: InvoiceDelivery) -> Mark:
    text = f"{delivery.get_step_display()}: {delivery.get_status_display().lower()}"
    if delivery.error:
        text += f". {delivery.error}"
    return Mark(STEP_ICONS[step], DELIVERY_TONES.get(delivery.status, ""), text)
