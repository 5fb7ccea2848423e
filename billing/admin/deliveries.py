"""The steps of an invoice's delivery as its page shows them."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from billing.admin.words import DELIVERY_TONES, STEP_ICONS
from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.selectors.invoices import list_deliveries
from billing.selectors.undelivered import NOT_BEGUN, list_wanted_steps

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status
_CHECKSUM_SHOWN = 12


@dataclass(frozen=True)
class StepRow:
    """A step with how it stands, what it is called outside, and what can be done about it."""

    step: str
    title: str
    icon: str
    status: str
    text: str
    tone: str
    attempts: int = 0
    error: str = ""
    reference: str = ""
    link: str = ""
    facts: Sequence[str] = ()
    done_at: dt.datetime | None = None
    buttons: Sequence[tuple[str, str]] = field(default_factory=tuple)

    @property
    def is_under_way(self) -> bool:
        return self.status == Status.RUNNING

    @property
    def is_undone(self) -> bool:
        return self.status not in {Status.DONE, Status.SKIPPED, Status.RUNNING}


def list_steps(request: HttpRequest, invoice: Invoice) -> list[StepRow]:
    """List the steps of an issued invoice: those begun, and those that are still to come."""
    if not invoice.is_issued:
        return []
    deliveries = list_deliveries(invoice)
    begun = {delivery.step for delivery in deliveries}
    rows = [_describe(request, invoice, delivery) for delivery in deliveries]
    if invoice.status != Invoice.Status.VOID:
        account = BillingAccount.objects.filter(organization=invoice.organization_id).first()
        rows += [_describe_unbegun(step) for step in list_wanted_steps(account) if step not in begun]
    order = list(STEP_ICONS)
    return sorted(rows, key=lambda row: order.index(row.step))


def may_retry(request: HttpRequest, invoice: Invoice, steps: Sequence[StepRow]) -> bool:
    """Return whether somebody may try again, and whether there is anything to try."""
    return request.user.has_perm("billing.deliver_invoice") and any(step.is_undone for step in steps)


def _describe_unbegun(step: InvoiceDelivery.Step) -> StepRow:
    return StepRow(step, step.label, STEP_ICONS[step], "", NOT_BEGUN, "warning")


def _describe(request: HttpRequest, invoice: Invoice, delivery: InvoiceDelivery) -> StepRow:
    title = delivery.get_step_display()
    return StepRow(
        delivery.step,
        f"{title}, no. {delivery.sequence}" if delivery.sequence > 1 else title,
        STEP_ICONS[delivery.step],
        delivery.status,
        delivery.get_status_display(),
        DELIVERY_TONES.get(delivery.status, ""),
        delivery.attempts,
        delivery.error,
        delivery.reference,
        _link(delivery),
        _facts(delivery),
        delivery.done_at,
        _settling(request, invoice, delivery),
    )


def _link(delivery: InvoiceDelivery) -> str:
    """Lead to Stripe: its dashboard, or the page that a stand-in names."""
    if delivery.step not in {Step.STRIPE, Step.STRIPE_VOID} or not delivery.reference:
        return ""
    if settings.STRIPE_API_BASE:
        url = str(delivery.detail.get("url") or "")
        return url if url.startswith(("https://", "http://")) else ""
    if not delivery.reference.startswith("in_"):
        return ""
    mode = "test/" if "_test_" in settings.STRIPE_API_KEY else ""
    return f"https://dashboard.stripe.com/{mode}invoices/{delivery.reference}"


def _facts(delivery: InvoiceDelivery) -> list[str]:
    detail = delivery.detail
    found = []
    if recipient := detail.get("recipient"):
        found.append(f"To {recipient}")
    if bucket := detail.get("bucket"):
        found.append(f"Bucket {bucket}")
    if checksum := detail.get("sha256"):
        found.append(f"SHA-256 {checksum[:_CHECKSUM_SHOWN]}…")
    if note := detail.get("note"):
        found.append(str(note))
    return found


def _settling(request: HttpRequest, invoice: Invoice, delivery: InvoiceDelivery) -> tuple[tuple[str, str], ...]:
    """Offer the decision on an e-mail that may or may not have gone out."""
    if delivery.step != Step.EMAIL or delivery.status != Status.UNKNOWN:
        return ()
    if not request.user.has_perm("billing.deliver_invoice"):
        return ()
    return tuple(
        (text, reverse("admin:billing_invoice_settle", args=[invoice.pk, delivery.pk, outcome]))
        for text, outcome in (("Mark as sent", "sent"), ("Send again", "again"))
    )
