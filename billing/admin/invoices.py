"""The invoice list, and the doors to everything that is done about invoices."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.pages import ReadOnlyAdmin, door
from billing.admin import corrections, delivering, invoice_page, recorded, running
from billing.admin.filters import MonthFilter, PaymentFilter, StepFilter
from billing.admin.paging import SelectionPaginator
from billing.admin.words import INVOICE_TONES, mark_deliveries, show_label, show_marks
from billing.models import Invoice
from billing.selectors.books import get_stopped
from billing.selectors.figures import count_up_to_many, list_held
from billing.selectors.invoices import get_selection, search_invoices
from billing.selectors.payments import list_differing, list_open_disputes
from billing.selectors.undelivered import list_doubtful, list_undelivered
from common.money import format_money


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    """Invoices and credit notes, the newest month first; what is done about one, is done by its buttons."""

    list_display = ("document", "organization_name", "period", "kind_name", "state", "total", "delivery")
    list_display_links = ("document",)
    list_filter = (
        MonthFilter,
        ("status", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        PaymentFilter,
        StepFilter,
    )
    list_filter_submit = True
    list_select_related = ("organization",)
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("number",)
    search_help_text = "Number, organization or reference"
    ordering = ("-month", "-id")
    actions = ("sum_up",)
    paginator = SelectionPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "billing/admin/invoice_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of an invoice and of billing a month."""
        own = [
            path("preview/", door(self, running.preview_page), name="billing_invoice_preview"),
            path("run/", door(self, running.run_page), name="billing_invoice_run"),
            path("resume/", door(self, delivering.resume_page), name="billing_invoice_resume"),
            path("<int:invoice_id>/pdf/", door(self, delivering.pdf), name="billing_invoice_pdf"),
            path("<int:invoice_id>/approve/", door(self, corrections.approve_page), name="billing_invoice_approve"),
            path("<int:invoice_id>/reject/", door(self, corrections.reject_page), name="billing_invoice_reject"),
            path("<int:invoice_id>/void/", door(self, corrections.void_page), name="billing_invoice_void"),
            path("<int:invoice_id>/credit/", door(self, corrections.credit_page), name="billing_invoice_credit"),
            path("<int:invoice_id>/payment/", door(self, recorded.payment_page), name="billing_invoice_payment"),
            path("<int:invoice_id>/refund/", door(self, recorded.refund_page), name="billing_invoice_refund"),
            path("<int:invoice_id>/retry/", door(self, delivering.retry), name="billing_invoice_retry"),
            path("<int:invoice_id>/resend/", door(self, delivering.resend_page), name="billing_invoice_resend"),
            path(
                "<int:invoice_id>/deliveries/<int:delivery_id>/settle/<slug:outcome>/",
                door(self, delivering.settle_page),
                name="billing_invoice_settle",
            ),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with what waits for somebody above it."""
        may_run = request.user.has_perm("billing.run_billing")
        context = {"waiting": _list_waiting(), "stopped": get_stopped(), "may_run": may_run}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an invoice."""
        return invoice_page.invoice_page(self, request, object_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Leave out what the list does not show; add the deliveries of the page."""
        queryset: QuerySet[Invoice] = super().get_queryset(request)
        return queryset.defer("seller", "buyer").prefetch_related("deliveries")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Search by number, organization and reference, each by its index."""
        return (search_invoices(queryset, search_term) if search_term.strip() else queryset), False

    @display(description="Number", ordering="number")
    def document(self, invoice: Invoice) -> str:
        """Give the number, or say that there is none yet."""
        return _unbroken(invoice.number or "No number")

    @display(description="Organization", ordering="organization__name")
    def organization_name(self, invoice: Invoice) -> str:
        """Name the organization, with its id."""
        cell = '<a class="hz-clip hz-link" href="{}">{}</a><span class="hz-key hz-muted">{}</span>'
        address = reverse("admin:accounts_organization_change", args=[invoice.organization_id])
        return format_html(cell, address, invoice.organization.name, invoice.organization_id)

    @display(description="Month", ordering="month")
    def period(self, invoice: Invoice) -> str:
        """Give the month."""
        return _unbroken(str(invoice.period))

    @display(description="Kind", ordering="kind")
    def kind_name(self, invoice: Invoice) -> str:
        """Tell an invoice from a credit note."""
        return invoice.get_kind_display()

    @display(description="State", ordering="status")
    def state(self, invoice: Invoice) -> str:
        """Show the status as a coloured label, with the reason where it is held."""
        return show_label(invoice.get_status_display(), INVOICE_TONES.get(invoice.status, ""), invoice.held_reason)

    @display(description="Total", formatting="price", ordering="total_cents")
    def total(self, invoice: Invoice) -> str:
        """Give the total."""
        return _unbroken(format_money(invoice.total_cents, invoice.currency))

    @display(description="Delivery")
    def delivery(self, invoice: Invoice) -> str:
        """Show a sign for each step of the delivery."""
        return show_marks(mark_deliveries(invoice))

    @admin.action(description="Total of selected")
    def sum_up(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> None:
        """Say what the selected rows come to."""
        selection = get_selection(queryset)
        if selection.totals is None:
            messages.warning(request, f"About {selection.count:,} are too many to add up: filter by month first.")
        for total in selection.totals or ():
            words = f"{total.invoices:,} in {total.currency}: {format_money(total.total_cents, total.currency)}"
            messages.info(request, f"{words}, of it tax {format_money(total.tax_cents, total.currency)}.")


def _unbroken(text: str) -> str:
    return format_html('<span class="tabular-nums whitespace-nowrap">{}</span>', text)


def _list_waiting() -> list[tuple[str, str, str, str]]:
    """List what waits for somebody: label, how many, where to see it, tone."""
    address = reverse("admin:billing_invoice_changelist")
    undelivered = list_undelivered(Invoice.objects.all())
    unknown = list_doubtful(Invoice.objects.all())
    return [
        ("Held for approval", count_up_to_many(list_held()), f"{address}?status__exact=held", "warning"),
        ("Not delivered", count_up_to_many(undelivered), f"{address}?failed=any", "danger"),
        ("Outcome unknown", count_up_to_many(unknown), f"{address}?failed=unknown", "warning"),
        ("Differs from Stripe", count_up_to_many(list_differing()), f"{address}?payment=differs", "warning"),
        ("Disputed", count_up_to_many(list_open_disputes()), f"{address}?payment=disputed", "danger"),
    ]
