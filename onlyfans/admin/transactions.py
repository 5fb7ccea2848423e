"""Single transactions, where the gateway lists them: to be looked at, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from common.money import format_money
from onlyfans.models import EarningsTransaction


def _amount(cents: int, one: EarningsTransaction) -> SafeString:
    return format_html('<span class="whitespace-nowrap">{}</span>', format_money(cents, one.currency))


@admin.register(EarningsTransaction)
class EarningsTransactionAdmin(ModelAdmin):
    """Sales and reversals that a month's figures were made of."""

    list_display = ("happened", "creator", "category", "gross", "fee", "net", "takes_back", "external_id")
    list_filter = (("category", ChoicesDropdownFilter),)
    list_filter_submit = True
    list_select_related = ("pull__creator",)
    list_per_page = 50
    search_fields = ("=pull__creator__onlyfans_user_id",)
    search_help_text = "The creator's OnlyFans user id"
    ordering = ("-id",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = (*list_display, "counts")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the gateway lists one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What it lists stays as it lists it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And stays."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[EarningsTransaction]:
        """Leave the creators' credentials where they are."""
        queryset: QuerySet[EarningsTransaction] = super().get_queryset(request)
        return queryset.defer("pull__creator__credentials")

    @display(description="Happened (UTC)")
    def happened(self, one: EarningsTransaction) -> str:
        """Tell when it happened."""
        return f"{one.occurred_at:%Y-%m-%d %H:%M}"

    @display(description="Creator")
    def creator(self, one: EarningsTransaction) -> SafeString:
        """Lead to the creator."""
        address = reverse("admin:onlyfans_creatoraccount_change", args=[one.pull.creator_id])
        return format_html('<a class="hz-link" href="{}">{}</a>', address, one.pull.creator)

    @display(description="Gross")
    def gross(self, one: EarningsTransaction) -> SafeString:
        """Write the amount with its currency."""
        return _amount(one.gross_cents, one)

    @display(description="Fee")
    def fee(self, one: EarningsTransaction) -> SafeString:
        """Write what OnlyFans keeps."""
        return _amount(one.fee_cents, one)

    @display(description="Net")
    def net(self, one: EarningsTransaction) -> SafeString:
        """Write what is left."""
        return _amount(one.net_cents, one)

    @display(description="Takes back")
    def takes_back(self, one: EarningsTransaction) -> str:
        """Name the sale that a reversal takes back."""
        return one.reverses or "-"

    @display(description="Counts", boolean=True)
    def counts(self, one: EarningsTransaction) -> bool:
        """Return whether the last reading of its month saw it still."""
        return one.round == one.pull.round
