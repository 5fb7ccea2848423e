"""Plans with their brackets and prices, and meters."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.admin.amounts import AmountsAdmin, AmountsInline
from billing.explaining import describe_terms
from billing.forms import BracketFormSet
from billing.models import CommissionBracket, Meter, MeterPrice, Plan
from billing.selectors.inputs import read_terms
from common.money import format_money

_NO_BRACKETS = "This plan has no commission brackets: no organization on it can be billed. Add at least one."
_FREE_START = "Nothing is charged below the first bracket: let one start at 0 unless that is wanted."


class BracketInline(AmountsInline):
    """The marginal rates of a plan."""

    model = CommissionBracket
    formset = BracketFormSet
    extra = 0
    fields = ("from_cents", "rate_bps")
    verbose_name_plural = "commission brackets"


class MeterPriceInline(AmountsInline):
    """What a plan charges for usage."""

    model = MeterPrice
    extra = 0
    fields = ("meter", "included_quantity", "unit_price_cents")
    autocomplete_fields = ("meter",)


@admin.register(Plan)
class PlanAdmin(AmountsAdmin):
    """Plans; what is changed holds for the months billed from then on."""

    list_display = ("name", "code", "base_fee", "basis", "brackets", "organizations")
    search_fields = ("name", "code")
    ordering = ("name",)
    inlines = (BracketInline, MeterPriceInline)
    change_form_template = "billing/admin/plan.html"
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "code", "currency", "base_fee_cents", "issue_zero_invoices"),
                "description": "Amounts are in the plan's currency, like 49.00; rates are in percent, like 20 or 7.25. "
                "Changes hold for the months billed from then on.",
            },
        ),
        (
            "Commission",
            {
                "fields": (
                    "commission_basis",
                    "commission_free_months",
                    "minimum_commission_cents",
                    "maximum_commission_cents",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        """Count who is on each plan."""
        queryset: QuerySet[Plan] = super().get_queryset(request)
        return queryset.annotate(organization_count=Count("accounts")).prefetch_related("brackets")

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """Keep plans: invoices refer to their terms."""
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the plan's terms in words above its form, and what is wrong with them."""
        plan = self.get_object(request, object_id)
        terms = read_terms([plan.pk]).get(plan.pk) if plan else None
        context = {"terms": describe_terms(terms) if terms else [], "faults": _list_faults(plan) if plan else []}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def save_related(self, request: HttpRequest, form: "ModelForm[Plan]", formsets: Any, change: bool) -> None:
        """Save brackets and prices, then say at once what stands against billing."""
        super().save_related(request, form, formsets, change)
        for fault in _list_faults(form.instance):
            messages.warning(request, fault)

    @display(description="Base fee", formatting="price")
    def base_fee(self, plan: Plan) -> str:
        """Give the base fee."""
        return format_money(plan.base_fee_cents, plan.currency)

    @display(description="Commission on")
    def basis(self, plan: Plan) -> str:
        """Tell what the commission is taken from."""
        return plan.get_commission_basis_display()

    @display(description="Brackets", label={"None": "danger"})
    def brackets(self, plan: Plan) -> str:
        """Say how many brackets there are; none is a fault."""
        return str(len(plan.brackets.all()) or "None")

    @display(description="Organizations")
    def organizations(self, plan: Plan) -> int:
        """Count who is on the plan."""
        return int(getattr(plan, "organization_count", 0))


def _list_faults(plan: Plan) -> list[str]:
    starts = list(
        CommissionBracket.objects.filter(plan=plan).order_by("from_cents").values_list("from_cents", flat=True)
    )
    if not starts:
        return [_NO_BRACKETS]
    return [_FREE_START] if starts[0] > 0 else []


@admin.register(Meter)
class MeterAdmin(ModelAdmin):
    """What is counted."""

    list_display = ("code", "unit_name")
    search_fields = ("code", "unit_name")

    def has_delete_permission(self, request: HttpRequest, obj: Meter | None = None) -> bool:
        """Keep meters: usage and invoices refer to them."""
        return False
