"""Versions of months, and what waits for a creator: to be looked at, never changed."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter, FieldTextFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin import PanelledAdmin
from accounts.admin.pages import coloured, find
from accounts.models import User
from common.clock import Month, now
from common.money import format_money
from onlyfans.admin.months import MonthFilter
from onlyfans.models import EarningsAggregate, EarningsRevision, UnmatchedAggregate
from onlyfans.models.revisions import EarningsVersion
from onlyfans.services.ingesting import restore_unmatched
from workqueue.admin import DismissingAdmin


class _Lookable(ModelAdmin):
    """What versions of both kinds show of themselves."""

    list_filter: ClassVar[tuple[Any, ...]] = (MonthFilter, ("source", FieldTextFilter))
    list_filter_submit = True
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only what arrives makes a version."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What arrived stays as it came."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """And stays."""
        return False

    @display(description="Month")
    def period(self, one: EarningsVersion) -> str:
        """Name the month."""
        return Month.of(one.month).label

    @display(description="Received (UTC)")
    def received(self, one: EarningsVersion) -> str:
        """Tell when it was received."""
        return f"{one.received_at:%Y-%m-%d %H:%M:%S}"

    @display(description="From")
    def came_from(self, one: EarningsVersion) -> str:
        """Name the source, and the object."""
        return one.origin

    @display(description="From")
    def origin_in_short(self, one: EarningsVersion) -> str:
        """Name them in two lines at most, for a key can be as long as a page."""
        return format_html('<span class="hz-clip-short" title="{}">{}</span>', one.origin, one.origin)

    @display(description="Gross")
    def gross(self, one: EarningsVersion) -> str:
        """Write the total with its currency."""
        return format_money(one.gross_cents, one.currency)

    @display(description="Net")
    def net(self, one: EarningsVersion) -> str:
        """Write the total with its currency."""
        return format_money(one.net_cents, one.currency)

    @display(description="Figures")
    def figures(self, one: EarningsVersion) -> str:
        """Write gross and net of each category."""
        return "; ".join(
            f"{category} {format_money(gross, one.currency)}, net {format_money(net, one.currency)}"
            for category, (gross, net) in sorted(one.parts.items())
        )


@admin.register(EarningsRevision)
class EarningsRevisionAdmin(_Lookable, PanelledAdmin):
    """Every version of every month that arrived, with which of them stands."""

    list_display = ("creator", "period", "state", "gross", "net", "origin_in_short", "received")
    list_select_related = ("creator",)
    search_fields = ("=creator__onlyfans_user_id",)
    search_help_text = "The creator's OnlyFans user id"
    fields = ("creator", "period", "state", "figures", "came_from", "etag", "sequencer", "received", "recorded_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EarningsRevision]:
        """Tell which stand without a look at each."""
        rows = EarningsAggregate.objects.filter(creator=OuterRef("creator"), month=OuterRef("month"))
        queryset: QuerySet[EarningsRevision] = super().get_queryset(request)
        return queryset.annotate(stands=Exists(rows.filter(revision=OuterRef("pk")))).defer("creator__credentials")

    @display(description="State", label={"Stands": "success", "Replaced": ""})
    def state(self, one: EarningsRevision) -> str:
        """Return whether it stands."""
        return "Stands" if getattr(one, "stands", False) else "Replaced"


class StateFilter(DropdownFilter):
    """What waits; on request what was dismissed, or both."""

    title = "state"
    parameter_name = "state"
    all_option = ["", "Waiting"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the rest."""
        return [("dismissed", "Dismissed"), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UnmatchedAggregate]) -> QuerySet[UnmatchedAggregate]:
        """Keep the wanted ones."""
        if self.value() == "all":
            return queryset
        return queryset.filter(dismissed_at__isnull=self.value() != "dismissed")


@admin.register(UnmatchedAggregate)
class UnmatchedAggregateAdmin(_Lookable, DismissingAdmin):
    """What came of users whom nobody knows: taken in by itself as soon as there is a creator with the user id."""

    dismiss_about = (
        "Nobody is asked about it any more, and no creator added later gets it. It stays in the list of dismissed "
        "earnings. If the same is sent again, it waits again."
    )
    restore_about = "It waits for its creator again, and is taken in at once where there is one."
    change_form_template = "onlyfans/admin/unmatched.html"
    list_display = ("onlyfans_user_id", "period", "gross", "net", "origin_in_short", "received", "waiting", "state")
    list_filter = (StateFilter, *_Lookable.list_filter)
    search_fields = ("=onlyfans_user_id",)
    search_help_text = "The OnlyFans user id"
    fields = ("onlyfans_user_id", "period", "figures", "came_from", "etag", "sequencer", "received", "waiting")

    def restore(self, ids: Iterable[int], *, actor: User, reason: str) -> int:
        """Restore versions, and hand them to their creators where there are any by now."""
        return restore_unmatched(ids, actor=actor, reason=reason)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a version, and the button that dismisses it or brings it back."""
        one = find(UnmatchedAggregate, object_id)
        button = self.find_button(request, one)
        context = dict(zip(("button_url", "button_title"), button, strict=True))
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    @display(description="Waiting for")
    def waiting(self, one: UnmatchedAggregate) -> str:
        """Tell how long it has been waiting."""
        return "-" if one.dismissed_at else _write_span(now() - one.recorded_at)

    @display(description="State")
    def state(self, one: UnmatchedAggregate) -> str:
        """Return whether it waits or was dismissed, and why."""
        if one.dismissed_at is None:
            return coloured("Waiting", "warning")
        return format_html(
            '{} <span class="hz-muted hz-clip" title="{}">{}</span>',
            coloured("Dismissed", ""),
            one.dismissed_reason,
            one.dismissed_reason,
        )


def _write_span(span: dt.timedelta) -> str:
    minutes = max(0, int(span.total_seconds()) // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
