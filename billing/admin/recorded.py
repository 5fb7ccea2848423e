"""Payments: the list of them, an invoice's, and the doors of recording and reversing them by hand."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import AnyAdmin, ReadOnlyAdmin, door, find, require
from accounts.forms import ReasonForm
from billing.admin.corrections import address_of, turn_back
from billing.admin.filters import PaymentMonthFilter
from billing.admin.pages import Question, ask
from billing.admin.words import show_label
from billing.forms import PaymentForm, RefundForm
from billing.models import Invoice, Payment
from billing.selectors.customer_credit import get_refundable
from billing.selectors.obstacles import get_obstacle_to_record_payment, get_obstacle_to_record_refund
from billing.selectors.payments import search_payments
from billing.services.payments import record_payment, record_refund, reverse_payment
from common.money import format_money

RECORD = "billing.record_payment"


@dataclass(frozen=True)
class PaymentRow:
    """A payment as the invoice's page shows it; `reverse_url` where this member of staff may reverse it."""

    payment: Payment
    amount: str
    reverse_url: str


def describe_payments(request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
    """Describe the payments of an invoice, and say why none can be recorded where somebody would look for that."""
    may_record = request.user.has_perm(RECORD)
    payments = invoice.payments.select_related("recorded_by", "reversed_by")
    return {
        "payments": [_describe(payment, invoice, may_record=may_record) for payment in payments],
        "no_payment": get_obstacle_to_record_payment(invoice) if may_record and _asks_for_money(invoice) else "",
    }


def _asks_for_money(invoice: Invoice) -> bool:
    return invoice.is_issued and invoice.total_cents > 0 and invoice.status != Invoice.Status.VOID


def _describe(payment: Payment, invoice: Invoice, *, may_record: bool) -> PaymentRow:
    can_be_reversed = payment.source == Payment.Source.STAFF and payment.reversed_at is None
    address = reverse("admin:billing_payment_reverse", args=[payment.pk]) if may_record and can_be_reversed else ""
    return PaymentRow(payment, write_amount(payment, invoice.currency), address)


def write_amount(payment: Payment, currency: str) -> str:
    """Write an amount; what went back to the customer is negative."""
    sign = -1 if payment.kind == Payment.Kind.REFUND else 1
    return format_money(sign * payment.amount_cents, currency)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Money that came in and went back, by Stripe and recorded by hand, the last day first."""

    list_display = ("date", "document", "organization_name", "amount", "method_name", "reference_text", "who", "state")
    list_display_links = None
    list_filter = (
        ("source", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("method", ChoicesDropdownFilter),
        PaymentMonthFilter,
    )
    list_filter_submit = True
    list_select_related = ("invoice__organization", "recorded_by")
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("reference",)
    search_help_text = "Invoice number, reference or organization"
    ordering = ("-received_date", "-id")
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_urls(self) -> list[URLPattern]:
        """Add the door of reversing."""
        name = "billing_payment_reverse"
        return [path("<int:payment_id>/reverse/", door(self, reverse_page), name=name), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payment], search_term: str
    ) -> tuple[QuerySet[Payment], bool]:
        """Search by the invoice's number, the reference and the organization, each by its index."""
        return (search_payments(queryset, search_term) if search_term.strip() else queryset), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the invoice, whose page shows its payments."""
        require(request, "billing.view_payment")
        return redirect(address_of(find(Payment, object_id).invoice))

    @display(description="Date", ordering="received_date")
    def date(self, payment: Payment) -> str:
        """Give the day the money moved."""
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{payment.received_date:%Y-%m-%d}")

    @display(description="Invoice", ordering="invoice__number")
    def document(self, payment: Payment) -> str:
        """Lead to the invoice."""
        cell = '<a class="hz-link whitespace-nowrap" href="{}">{}</a>'
        return format_html(cell, address_of(payment.invoice), payment.invoice)

    @display(description="Organization", ordering="invoice__organization__name")
    def organization_name(self, payment: Payment) -> str:
        """Name the organization, with its id."""
        organization = payment.invoice.organization
        cell = '<a class="hz-clip hz-link" href="{}">{}</a><span class="hz-key hz-muted">{}</span>'
        address = reverse("admin:accounts_organization_change", args=[organization.pk])
        return format_html(cell, address, organization.name, organization.pk)

    @display(description="Amount", ordering="amount_cents")
    def amount(self, payment: Payment) -> str:
        """Write the amount."""
        text = write_amount(payment, payment.invoice.currency)
        return format_html('<span class="whitespace-nowrap tabular-nums">{}</span>', text)

    @display(description="Method", ordering="method")
    def method_name(self, payment: Payment) -> str:
        """Name the method."""
        return payment.get_method_display() or "-"

    @display(description="Reference", ordering="reference")
    def reference_text(self, payment: Payment) -> str:
        """Give the reference, or Stripe's id."""
        return format_html('<span class="hz-wrap">{}</span>', payment.reference or payment.external_id or "-")

    @display(description="By")
    def who(self, payment: Payment) -> str:
        """Name who recorded it."""
        return name_source(payment)

    @display(description="State")
    def state(self, payment: Payment) -> str:
        """Show what it is, and whether it was reversed, with the reason."""
        if payment.reversed_at:
            return show_label("Reversed", "warning", payment.reversed_reason)
        return show_label(payment.get_kind_display(), "success" if payment.kind == Payment.Kind.PAYMENT else "info")


def name_source(payment: Payment) -> str:
    """Name who says that the money moved: Stripe, or who recorded it."""
    return "Stripe" if payment.source == Payment.Source.STRIPE else str(payment.recorded_by or "A job")


def payment_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Record a payment."""
    actor = require(request, "billing.view_invoice", RECORD)
    invoice = find(Invoice, invoice_id)
    if back := turn_back(request, invoice, get_obstacle_to_record_payment(invoice)):
        return back

    def act(form: PaymentForm) -> HttpResponse:
        excess = form.cleaned_data["accepts_excess"]
        payment = record_payment(invoice.pk, actor=actor, accepts_excess=excess, **form.values)
        return _tell(request, invoice, payment, "is recorded")

    left = format_money(invoice.remaining_cents, invoice.currency) if invoice.remaining_cents else "Nothing"
    says = (
        f"Record money that came in for {invoice} of {invoice.organization}? {left} of it is still to be paid.",
        "What is paid beyond that becomes the customer's credit, which the next invoice uses.",
    )
    question = Question("Record payment", "Record payment", address_of(invoice), says)
    return ask(admin, request, question, partial(PaymentForm, invoice), act)


def refund_page(admin: AnyAdmin, request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Record a refund."""
    actor = require(request, "billing.view_invoice", RECORD)
    invoice = find(Invoice, invoice_id)
    if back := turn_back(request, invoice, get_obstacle_to_record_refund(invoice)):
        return back

    def act(form: RefundForm) -> HttpResponse:
        return _tell(request, invoice, record_refund(invoice.pk, actor=actor, **form.values), "is recorded")

    most = format_money(get_refundable(invoice), invoice.currency)
    says = (
        f"Record money that you paid back to {invoice.organization}? At most {most} of {invoice} is their credit.",
        "Nothing is transferred by this: it writes down what your bank did.",
    )
    question = Question("Record refund", "Record refund", address_of(invoice), says)
    return ask(admin, request, question, partial(RefundForm, invoice), act)


def reverse_page(admin: AnyAdmin, request: HttpRequest, payment_id: int) -> HttpResponse:
    """Reverse a payment or a refund."""
    actor = require(request, "billing.view_payment", RECORD)
    payment = find(Payment, payment_id)
    invoice, kind = payment.invoice, payment.get_kind_display().lower()

    def act(form: ReasonForm) -> HttpResponse:
        reversed_ = reverse_payment(payment.pk, reason=form.cleaned_data["reason"], actor=actor)
        return _tell(request, invoice, reversed_, "is reversed")

    amount = format_money(payment.amount_cents, invoice.currency)
    says = (
        f"Reverse the {kind} of {amount} on {invoice}, {payment.received_date:%Y-%m-%d}?",
        "It stays in the list with your reason, and no longer counts. If later invoices used credit from it, the next "
        "invoice asks for that in addition.",
    )
    question = Question(f"Reverse {kind}", "Reverse", address_of(invoice), says, is_grave=True)
    return ask(admin, request, question, ReasonForm, act)


def _tell(request: HttpRequest, invoice: Invoice, payment: Payment, what: str) -> HttpResponse:
    amount = format_money(payment.amount_cents, invoice.currency)
    messages.success(request, f"The {payment.get_kind_display().lower()} of {amount} {what}.")
    return redirect(address_of(invoice))
