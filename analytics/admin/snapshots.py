"""Snapshots: what was read, what changed, and what jumped."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import coloured, find, require
from analytics.models import ProviderSnapshot
from analytics.registry import find_metric, find_source, list_sources
from analytics.selectors.creators import describe_creators
from analytics.selectors.snapshots import find_unchanged_since
from common.money import format_money

VIEW = "analytics.view_providersnapshot"
STATE_TONES = {
    ProviderSnapshot.State.COMPLETE: "success",
    ProviderSnapshot.State.PARTIAL: "warning",
    ProviderSnapshot.State.FAILED: "danger",
}


class ProviderFilter(DropdownFilter):
    """Snapshots of one provider."""

    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the declared sources."""
        return [(source.provider, source.title) for source in list_sources()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProviderSnapshot]) -> QuerySet[ProviderSnapshot]:
        """Keep those of that provider."""
        return queryset.filter(provider=self.value()) if self.value() else queryset


class JumpFilter(DropdownFilter):
    """Snapshots in which something jumped."""

    title = "jumps"
    parameter_name = "jumps"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the ones that staff look for."""
        return [("yes", "Something jumped")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProviderSnapshot]) -> QuerySet[ProviderSnapshot]:
        """Keep the wanted ones."""
        return queryset.exclude(jumps={}) if self.value() == "yes" else queryset


@admin.register(ProviderSnapshot)
class ProviderSnapshotAdmin(ModelAdmin):
    """Snapshots, the newest first; the job alone writes them."""

    list_display = ("slot", "account", "organization", "from_provider", "status", "jumped")
    list_display_links = ("slot",)
    list_filter = (ProviderFilter, JumpFilter, ("state", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("organization",)
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("=creator",)
    search_help_text = "The provider's own id of a creator"
    ordering = ("-slot_at", "-id")
    sortable_by = ()
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes them by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProviderSnapshot | None = None) -> bool:
        """Nobody changes them by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ProviderSnapshot | None = None) -> bool:
        """They are the record."""
        return False

    @display(description="Slot (UTC)", ordering="slot_at")
    def slot(self, row: ProviderSnapshot) -> str:
        """Name the slot."""
        return f"{row.slot_at.astimezone(dt.UTC):%Y-%m-%d %H:%M}"

    @display(description="Creator")
    def account(self, row: ProviderSnapshot) -> str:
        """Name the creator as the provider does."""
        return row.creator

    @display(description="Provider")
    def from_provider(self, row: ProviderSnapshot) -> str:
        """Name the provider."""
        return row.provider_title

    @display(description="State")
    def status(self, row: ProviderSnapshot) -> SafeString:
        """Show the state as a coloured label."""
        return coloured(row.get_state_display(), STATE_TONES[ProviderSnapshot.State(row.state)])

    @display(description="Jumped")
    def jumped(self, row: ProviderSnapshot) -> str:
        """Name what jumped."""
        return ", ".join(title_of(row.provider, name) for name in sorted(row.jumps)) or "-"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a snapshot, metric by metric."""
        require(request, VIEW)
        row = find(ProviderSnapshot, object_id)
        key = (row.provider, row.creator)
        context = {
            "opts": ProviderSnapshot._meta,
            "title": str(row),
            "snapshot": row,
            "creator": describe_creators([key])[key],
            "tone": STATE_TONES[ProviderSnapshot.State(row.state)],
            "metrics": describe_metrics(row),
            "unchanged_since": find_unchanged_since(row) if row.metrics else None,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "analytics/snapshot.html", {**self.admin_site.each_context(request), **context}
        )


def title_of(provider: str, name: str) -> str:
    """Return what people call a metric."""
    metric = find_metric(provider, name)
    return metric.title if metric else name


def describe_metrics(row: ProviderSnapshot) -> list[dict[str, str]]:
    """Describe each metric in words: its value, its change, and what is usual where it jumped."""
    source = find_source(row.provider)
    order = [metric.name for metric in source.metrics] if source else []
    names = [name for name in order if name in row.metrics] + sorted(row.metrics.keys() - set(order))
    return [
        {
            "title": title_of(row.provider, name),
            "value": _write(row, name, row.metrics[name]),
            "change": _write(row, name, row.deltas[name]) if name in row.deltas else "-",
            "usual": _write(row, name, jump["usual"]) if (jump := row.jump_of(name)) else "",
        }
        for name in names
    ]


def _write(row: ProviderSnapshot, name: str, value: int) -> str:
    metric = find_metric(row.provider, name)
    return format_money(value, row.currency) if metric and metric.kind == "money" else f"{value:,}"
