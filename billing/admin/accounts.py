"""Billing accounts: plan, tax, delivery, limits of their own, and parking."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.amounts import AmountsAdmin
from accounts.admin.pages import AnyAdmin, door, find, require
from accounts.forms import ReasonForm
from billing.admin.filters import ParkedFilter
from billing.admin.pages import Question, ask
from billing.admin.words import describe_billing, show_label
from billing.forms import AccountForm, FirstDayField
from billing.models import BillingAccount
from billing.selectors.customer_credit import describe_credits
from billing.services.parking import park_account, unpark_account
from common.money import format_percent

PARK = "billing.park_billingaccount"


@admin.register(BillingAccount)
class BillingAccountAdmin(AmountsAdmin):
    """How each organization is billed."""

    form = AccountForm
    usual_zeros = ("tax_rate_bps",)

    list_display = ("organization_name", "plan", "schedule_day", "tax_rate", "recipient", "delivery", "state")
    list_display_links = ("organization_name",)
    list_filter = (("plan", RelatedDropdownFilter), ParkedFilter)
    list_filter_submit = True
    list_select_related = ("organization", "plan")
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("organization__id", "organization__name", "stripe_customer_id")
    search_help_text = "Organization or Stripe customer"
    autocomplete_fields = ("organization", "plan")
    ordering = ("-id",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None
    change_form_template = "billing/admin/account.html"
    fieldsets = (
        (None, {"fields": ("organization", ("plan", "schedule_day", "first_month"))}),
        ("On the invoice", {"fields": ("address", ("tax_id", "tax_rate_bps"))}),
        ("Delivery", {"fields": ("invoice_email", ("deliver_email", "deliver_stripe"), "stripe_customer_id")}),
        (
            "Limits beyond which an invoice waits for approval",
            {"fields": (("max_lines", "max_total_cents", "max_change_percent"),)},
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of parking."""
        own = [
            path("<int:account_id>/park/", door(self, park_page), name="billing_billingaccount_park"),
            path("<int:account_id>/unpark/", door(self, unpark_page), name="billing_billingaccount_unpark"),
        ]
        return own + super().get_urls()

    def formfield_for_dbfield(self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any) -> Any:
        """Read a month as people write it."""
        if db_field.name == "first_month":
            help_text = BillingAccount._meta.get_field("first_month").help_text
            return FirstDayField(label="First month", required=False, help_text=help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: BillingAccount | None = None) -> tuple[str, ...]:
        """Keep an account with its organization."""
        return ("organization",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: BillingAccount | None = None) -> bool:
        """Keep accounts: park one instead."""
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show above the form whether the organization is billed, and what belongs to it."""
        account = find(BillingAccount, object_id)
        organization = account.organization_id
        context: dict[str, Any] = {
            "account": account,
            "billing": describe_billing(account),
            "credit": describe_credits(organization),
            "park_url": _park_address(request, account),
            "links": [
                ("Organization", reverse("admin:accounts_organization_change", args=[organization])),
                ("Invoices", f"{reverse('admin:billing_invoice_changelist')}?q={organization}"),
                ("Creators", f"{reverse('admin:onlyfans_creatoraccount_changelist')}?q={organization}"),
            ],
        }
        if account.stripe_customer_id and request.user.has_perm("billing.view_stripeevent"):
            events = f"{reverse('admin:billing_stripeevent_changelist')}?q={account.stripe_customer_id}"
            context["links"] += [("Stripe events", events)]
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingAccount]:
        """Read who parked with the account."""
        queryset: QuerySet[BillingAccount] = super().get_queryset(request)
        return queryset.select_related("organization", "plan", "parked_by")

    @display(description="Organization", ordering="organization__name")
    def organization_name(self, account: BillingAccount) -> str:
        """Name the organization."""
        return account.organization.name

    @display(description="Tax", ordering="tax_rate_bps")
    def tax_rate(self, account: BillingAccount) -> str:
        """Give the rate in percent."""
        if not account.tax_rate_bps:
            return "-"
        return format_percent(account.tax_rate_bps).replace(" ", "\N{NO-BREAK SPACE}")

    @display(description="Invoices go to", ordering="invoice_email")
    def recipient(self, account: BillingAccount) -> str:
        """Give the address, or say that there is none."""
        return account.recipient or "No address"

    @display(description="Delivery")
    def delivery(self, account: BillingAccount) -> str:
        """Say which ways are switched on."""
        ways = [name for name, on in (("E-mail", account.deliver_email), ("Stripe", account.deliver_stripe)) if on]
        return ", ".join(ways) or "PDF only"

    @display(description="State", ordering="parked_at")
    def state(self, account: BillingAccount) -> str:
        """Show whether the organization is billed, with the reason where it is parked."""
        return show_label(*describe_billing(account), account.parked_reason)


def _park_address(request: HttpRequest, account: BillingAccount) -> str:
    if not request.user.has_perm(PARK):
        return ""
    return reverse(f"admin:billing_billingaccount_{'unpark' if account.is_parked else 'park'}", args=[account.pk])


def _address_of(account: BillingAccount) -> str:
    return reverse("admin:billing_billingaccount_change", args=[account.pk])


def park_page(admin: AnyAdmin, request: HttpRequest, account_id: int) -> HttpResponse:
    """Leave an organization out of billing."""
    actor = require(request, "billing.view_billingaccount", PARK)
    account = find(BillingAccount, account_id)

    def act(form: ReasonForm) -> HttpResponse:
        park_account(account.pk, actor=actor, reason=form.cleaned_data["reason"])
        messages.success(request, f"{account} is parked.")
        return redirect(_address_of(account))

    says = (f"Leave {account} out of billing from now on, until somebody unparks it?",)
    question = Question("Park billing account", "Park", _address_of(account), says, is_grave=True)
    return ask(admin, request, question, ReasonForm, act)


def unpark_page(admin: AnyAdmin, request: HttpRequest, account_id: int) -> HttpResponse:
    """Bill an organization again."""
    actor = require(request, "billing.view_billingaccount", PARK)
    account = find(BillingAccount, account_id)

    def act(form: ReasonForm) -> HttpResponse:
        unpark_account(account.pk, actor=actor, reason=form.cleaned_data["reason"])
        text, _ = describe_billing(BillingAccount.objects.select_related("organization").get(pk=account.pk))
        said = "It is billed again from the next run on" if text == "Billed" else text
        messages.success(request, f"{account} is unparked. {said}.")
        return redirect(_address_of(account))

    says = (
        f"Parked because: {account.parked_reason}",
        f"Unpark {account}? Months it missed are billed by running them for it.",
    )
    return ask(
        admin, request, Question("Unpark billing account", "Unpark", _address_of(account), says), ReasonForm, act
    )
