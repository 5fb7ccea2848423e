"""What creators earned."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin import PanelledAdmin
from accounts.admin.amounts import AmountsAdmin
from common.clock import Month, now
from common.forms import AmountsForm
from common.money import MOST_CENTS, format_money
from onlyfans.admin.months import MonthField, MonthFilter
from onlyfans.models import EarningsAggregate
from onlyfans.services.ingesting import correct_category, find_other_currency, lock_creator


class EarningsForm(AmountsForm):
    """One month's earnings in one category, gross and net."""

    month = MonthField()

    class Meta:
        model = EarningsAggregate
        fields = ("creator", "month", "category", "gross_cents", "net_cents", "currency")
        help_texts = {
            "gross_cents": "As people write it, in the currency below: 1,234.50. Chargebacks are negative.",
            "net_cents": "Gross less what OnlyFans keeps.",
        }

    def clean(self) -> dict[str, Any]:
        """Refuse a second currency in a month, and figures beyond reason."""
        super().clean()
        of, values = self.instance, self.cleaned_data
        creator = values["creator"].pk if "creator" in values else of.creator_id
        month, category = values.get("month", of.month), values.get("category", of.category)
        if creator and month and category and (currency := values.get("currency")):
            other = find_other_currency(creator, month, category, currency)
            if other:
                self.add_error("currency", f"The month's other figures are in {other}.")
        for name in ("gross_cents", "net_cents"):
            if abs(values.get(name) or 0) > MOST_CENTS:
                most = format_money(MOST_CENTS, values.get("currency") or of.currency)
                self.add_error(name, f"Enter at most {most}, and no less than -{most}.")
        return values


@admin.register(EarningsAggregate)
class EarningsAggregateAdmin(AmountsAdmin, PanelledAdmin):
    """What creators earned; what changes after a month was billed is trued up on the next invoice."""

    form = EarningsForm
    list_display = ("creator", "period", "category", "gross", "net", "source", "received")
    list_filter = (MonthFilter, ("category", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("creator",)
    list_per_page = 50
    search_fields = ("=creator__onlyfans_user_id",)
    search_help_text = "The creator's OnlyFans user id"
    autocomplete_fields = ("creator",)
    ordering = ("-id",)
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("source", "received_at")
    fieldsets = ((None, {"fields": (*EarningsForm.Meta.fields, "source", "received_at")}),)
    add_fieldsets = ((None, {"fields": EarningsForm.Meta.fields}),)  # type: ignore[assignment]  # () is its default

    def get_queryset(self, request: HttpRequest) -> QuerySet[EarningsAggregate]:
        """Leave the creators' credentials where they are."""
        queryset: QuerySet[EarningsAggregate] = super().get_queryset(request)
        return queryset.defer("creator__credentials")

    def get_readonly_fields(self, request: HttpRequest, obj: EarningsAggregate | None = None) -> tuple[str, ...]:
        """Let figures be corrected, not whose they are."""
        return (*self.readonly_fields, "creator", "month", "category") if obj else self.readonly_fields

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Keep ingestion away first: it locks the creator before the rows, and so must this."""
        row = super().save_form(request, form, change)
        lock_creator(row.creator_id)
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Take the figures in as a version of the month; a form that was sent as it was is none."""
        if form.has_changed():
            figures = obj.gross_cents, obj.net_cents
            row = correct_category(obj.creator_id, obj.month, obj.category, figures, obj.currency, now())
            obj.pk, obj._state.adding = row.pk, False
            obj.refresh_from_db()

    def has_delete_permission(self, request: HttpRequest, obj: EarningsAggregate | None = None) -> bool:
        """Figures are set to zero instead: late data is found by what changed."""
        return False

    @display(description="Month", ordering="month")
    def period(self, row: EarningsAggregate) -> str:
        """Name the month."""
        return Month.of(row.month).label

    @display(description="Received (UTC)", ordering="received_at")
    def received(self, row: EarningsAggregate) -> str:
        """Tell when the figures came."""
        return f"{row.received_at:%Y-%m-%d %H:%M}"

    @display(description="Gross", ordering="gross_cents")
    def gross(self, row: EarningsAggregate) -> str:
        """Write the amount with its currency."""
        return format_money(row.gross_cents, row.currency)

    @display(description="Net", ordering="net_cents")
    def net(self, row: EarningsAggregate) -> str:
        """Write the amount with its currency."""
        return format_money(row.net_cents, row.currency)
