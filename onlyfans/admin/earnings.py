"""What creators earned."""

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from common.clock import Month
from common.money import format_money
from onlyfans.admin.months import MonthField, MonthFilter
from onlyfans.models import EarningsAggregate

if TYPE_CHECKING:
    _EarningsModelForm = forms.ModelForm[EarningsAggregate]
else:
    _EarningsModelForm = forms.ModelForm

STAFF_SOURCE = "staff"


class EarningsForm(_EarningsModelForm):
    """One month's earnings in one category, gross and net."""

    month = MonthField()

    class Meta:
        model = EarningsAggregate
        fields = ("creator", "month", "category", "gross_cents", "net_cents", "currency")
        help_texts = {
            "gross_cents": "In hundredths; chargebacks are negative.",
            "net_cents": "Gross less what OnlyFans keeps.",
        }

    def save(self, commit: bool = True) -> EarningsAggregate:
        """Say where the figures came from."""
        self.instance.source, self.instance.received_at = STAFF_SOURCE, timezone.now()
        return super().save(commit)


@admin.register(EarningsAggregate)
class EarningsAggregateAdmin(ModelAdmin):
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
    sortable_by = ()
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

    @display(description="Gross")
    def gross(self, row: EarningsAggregate) -> str:
        """Write the amount with its currency."""
        return format_money(row.gross_cents, row.currency)

    @display(description="Net")
    def net(self, row: EarningsAggregate) -> str:
        """Write the amount with its currency."""
        return format_money(row.net_cents, row.currency)
