"""The invoice page: what it says and why, what became of it, and what can be done about it."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.admin.pages import AnyAdmin, find, render, require
from billing.admin.deliveries import list_steps, may_retry
from billing.admin.payments import describe_payment
from billing.admin.recorded import RECORD, describe_payments
from billing.admin.words import INVOICE_TONES
from billing.explaining import explain
from billing.models import Invoice, InvoiceAction, InvoiceDelivery, InvoiceLine
from billing.selectors.invoices import get_left_to_credit, is_worked_on, list_runs
from billing.selectors.obstacles import (
    get_obstacle_to_credit,
    get_obstacle_to_record_payment,
    get_obstacle_to_record_refund,
    get_obstacle_to_release,
    get_obstacle_to_void,
)
from billing.selectors.replacements import get_end, get_replacement
from common.money import format_money

_LINES_SHOWN = 500


@dataclass(frozen=True)
class Button:
    """Something that can be done about an invoice."""

    text: str
    address: str
    variant: str = "default"


@dataclass(frozen=True)
class LineRow:
    """A line as the table shows it; `credited` is what credit notes have taken from it."""

    line: InvoiceLine
    amount: str
    says: list[str]
    credited: str
    corrected: InvoiceLine | None


def invoice_page(admin: AnyAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show an invoice."""
    require(request, "billing.view_invoice")
    invoice = find(Invoice, object_id)
    context = {
        "original": invoice,
        "invoice": invoice,
        "tone": INVOICE_TONES.get(invoice.status, ""),
        "buttons": list_buttons(request, invoice),
        "money": {
            name: format_money(getattr(invoice, f"{name}_cents"), invoice.currency)
            for name in ("subtotal", "tax", "total")
        },
        "corrections": [(note, format_money(note.total_cents, note.currency)) for note in invoice.corrections.all()],
        "bill_again": _bill_again(request, invoice),
        **_describe_replacing(invoice),
        **_describe_lines(invoice, show_all="all" in request.GET),
        **_describe_delivery(request, invoice),
        **describe_payment(invoice),
        **describe_payments(request, invoice),
    }
    response = render(admin, request, "billing/admin/invoice.html", str(invoice), context)
    if request.headers.get("HX-Request") and not context["is_delivering"]:
        # What is under way has ended: buttons, facts and the PDF have changed, too.
        response["HX-Refresh"] = "true"
    return response


def _describe_replacing(invoice: Invoice) -> dict[str, Any]:
    """Name what an invoice replaces, with who ended that and why, and what replaces it."""
    replaced = get_end(invoice.replaces) if invoice.replaces else None
    return {
        "replaced_by_whom": replaced,
        "replacement": get_replacement(invoice),
        "history": _list_actions(invoice, replaced),
    }


def _list_actions(invoice: Invoice, replaced: InvoiceAction | None) -> QuerySet[InvoiceAction]:
    """List what people did to an invoice, and why it was issued: on another, or in the place of another."""
    issued = Q(invoice=invoice.corrects_id, data__credit_note=invoice.number) if invoice.corrects_id else Q(pk=None)
    of = Q(invoice=invoice) | issued | Q(pk=replaced.pk if replaced else None)
    return InvoiceAction.objects.filter(of).select_related("actor", "invoice")


def list_buttons(request: HttpRequest, invoice: Invoice) -> list[Button]:
    """List what this member of staff may do about an invoice in its present state."""
    found = []
    if request.user.has_perm("billing.approve_invoice") and not get_obstacle_to_release(invoice):
        found += [_button("Approve", "approve", invoice, "primary"), _button("Reject", "reject", invoice, "danger")]
    if request.user.has_perm("billing.deliver_invoice") and _is_sent(invoice):
        found.append(_button("Send e-mail again", "resend", invoice))
    if request.user.has_perm(RECORD):
        if not get_obstacle_to_record_payment(invoice):
            found.append(_button("Record payment", "payment", invoice))
        if not get_obstacle_to_record_refund(invoice):
            found.append(_button("Record refund", "refund", invoice))
    if request.user.has_perm("billing.correct_invoice"):
        if not get_obstacle_to_credit(invoice):
            found.append(_button("Credit note", "credit", invoice))
        if not get_obstacle_to_void(invoice):
            found.append(_button("Void", "void", invoice, "danger"))
    return found


def _button(text: str, name: str, invoice: Invoice, variant: str = "default") -> Button:
    return Button(text, reverse(f"admin:billing_invoice_{name}", args=[invoice.pk]), variant)


def _is_sent(invoice: Invoice) -> bool:
    if invoice.status == Invoice.Status.VOID:
        return False
    mails = [delivery for delivery in invoice.deliveries.all() if delivery.step == InvoiceDelivery.Step.EMAIL]
    return bool(mails) and all(mail.status == InvoiceDelivery.Status.DONE for mail in mails)


def _bill_again(request: HttpRequest, invoice: Invoice) -> str:
    """Lead to billing the month anew, where what is dead leaves its month without an invoice."""
    if invoice.corrects_id or invoice.status not in Invoice.DEAD or not request.user.has_perm("billing.run_billing"):
        return ""
    again = Invoice.objects.filter(organization=invoice.organization_id, month=invoice.month, corrects=None)
    if again.exclude(status__in=Invoice.DEAD).exists():
        return ""
    return f"{reverse('admin:billing_invoice_run')}?month={invoice.period}&organizations={invoice.organization_id}"


def _describe_lines(invoice: Invoice, *, show_all: bool) -> dict[str, Any]:
    lines = invoice.lines.select_related("creator", "meter", "corrects__invoice").order_by("position")
    count = lines.count()
    shown = list(lines if show_all else lines[:_LINES_SHOWN])
    left = get_left_to_credit(invoice) if invoice.corrections.exists() else {}
    return {
        "rows": [_describe_line(invoice, line, left) for line in shown],
        "line_count": count,
        "early_count": lines.filter(explanation__has_key="as_of").count(),
        "lines_left_out": count - len(shown),
        "has_credits": bool(left),
    }


def _describe_line(invoice: Invoice, line: InvoiceLine, left: dict[int, int]) -> LineRow:
    taken = line.amount_cents - left.get(line.pk, line.amount_cents)
    return LineRow(
        line,
        format_money(line.amount_cents, invoice.currency),
        explain(line.explanation, invoice.currency),
        format_money(-taken, invoice.currency) if taken else "",
        line.corrects,
    )


def _describe_delivery(request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
    steps = list_steps(request, invoice)
    stored = any(s.step == InvoiceDelivery.Step.STORE and s.status == InvoiceDelivery.Status.DONE for s in steps)
    return {
        "steps": steps,
        "may_retry": may_retry(request, invoice, steps),
        "is_delivering": any(step.is_under_way for step in steps) or is_worked_on(invoice),
        "pdf_url": reverse("admin:billing_invoice_pdf", args=[invoice.pk]) if stored else "",
        "runs": list_runs(invoice),
    }
