"""Usage as it came and as it is billed; nobody changes it by hand."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import ReadOnlyAdmin
from billing.admin.filters import EventMonthFilter, HourMonthFilter
from billing.models import UsageEvent, UsageHour
from billing.selectors.invoices import find_organizations


class _UsageAdmin(ReadOnlyAdmin):
    list_select_related = ("organization", "meter")
    list_filter_submit = True
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("organization__id",)
    sortable_by = ()
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by organization, found first, so that its usage is then found by index."""
        if text := search_term.strip():
            queryset = queryset.filter(self.find(text, find_organizations(text)))
        return queryset, False

    def find(self, text: str, organizations: list[str]) -> Q:
        """Make the condition of a search."""
        return Q(organization__in=organizations)

    @display(description="Quantity", formatting="price")
    def amount(self, usage: UsageEvent | UsageHour) -> str:
        """Give the quantity without needless zeros."""
        return f"{usage.quantity.normalize():,f}"


@admin.register(UsageHour)
class UsageHourAdmin(_UsageAdmin):
    """Hours as they are billed."""

    list_display = ("hour_utc", "organization", "meter", "amount", "changed")
    list_filter = (HourMonthFilter, ("meter", RelatedDropdownFilter))
    search_help_text = "Organization"

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Go by hour for the organizations searched for, by the row's age else: no index has the hour first."""
        return ("-hour", "-id") if request.GET.get("q", "").strip() else ("-id",)

    @display(description="Hour (UTC)")
    def hour_utc(self, usage: UsageHour) -> str:
        """Give the hour."""
        return f"{usage.hour:%Y-%m-%d %H}:00"

    @display(description="Last changed (UTC)")
    def changed(self, usage: UsageHour) -> str:
        """Tell when the quantity last changed."""
        return f"{usage.changed_at:%Y-%m-%d %H:%M}"


@admin.register(UsageEvent)
class UsageEventAdmin(_UsageAdmin):
    """Events as they came."""

    list_display = ("occurred", "organization", "meter", "amount", "idempotency_key", "received")
    list_filter = (EventMonthFilter, ("meter", RelatedDropdownFilter))
    search_help_text = "Organization or idempotency key"
    ordering = ("-occurred_at",)

    def find(self, text: str, organizations: list[str]) -> Q:
        """Find an event by its key too."""
        return Q(organization__in=organizations) | Q(idempotency_key=text)

    @display(description="Occurred (UTC)")
    def occurred(self, usage: UsageEvent) -> str:
        """Tell when it was used."""
        return f"{usage.occurred_at:%Y-%m-%d %H:%M:%S}"

    @display(description="Received (UTC)")
    def received(self, usage: UsageEvent) -> str:
        """Tell when we heard of it."""
        return f"{usage.received_at:%Y-%m-%d %H:%M:%S}"
