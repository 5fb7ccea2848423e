"""The event log as staff read it: found by index however long it is, and written by nobody here."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from accounts.admin.pages import ReadOnlyAdmin
from analytics.admin.filters import CreatorFilter, NameFilter, TimeFilter
from analytics.admin.paging import EventChangeList
from analytics.models import Event
from analytics.selectors.events import find_event_by_key

_SHOWN, _LONGEST = 3, 40


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, the newest first."""

    list_display = ("when", "name", "of_organization", "of_creator", "provider", "source", "told")
    list_display_links = ("when",)
    list_filter = (("organization", AutocompleteSelectFilter), NameFilter, CreatorFilter, TimeFilter)
    list_filter_submit = True
    list_select_related = False
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("idempotency_key",)
    search_help_text = "A whole idempotency key, or an event's number"
    ordering = ("-occurred_at", "-id")
    sortable_by = ()
    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = (
        *("name", "when", "recorded", "of_organization", "of_creator", "provider", "source"),
        *("told_table", "idempotency_key", "id"),
    )
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[EventChangeList]:
        """List without counting."""
        return EventChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Fetch the names of organizations for a page at once: a join would be made before the page is cut."""
        queryset: QuerySet[Event] = super().get_queryset(request)
        return queryset.prefetch_related("organization")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Find what is written exactly so: that is what the indexes know."""
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        numbers = [found] if (found := find_event_by_key(term)) else []
        if term.isascii() and term.isdigit() and len(term) <= 18:
            numbers.append(int(term))
        return queryset.filter(pk__in=numbers), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an event, which has no history but itself."""
        return super().change_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})

    @display(description="When (UTC)")
    def when(self, event: Event) -> SafeString:
        """Tell when it happened."""
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{event.occurred_at:%Y-%m-%d %H:%M:%S}")

    @display(description="Recorded (UTC)")
    def recorded(self, event: Event) -> str:
        """Tell when we were told."""
        return f"{event.recorded_at:%Y-%m-%d %H:%M:%S}"

    @display(description="Organization")
    def of_organization(self, event: Event) -> SafeString | str:
        """Lead to the organization."""
        if event.organization is None:
            return "-"
        address = reverse("admin:accounts_organization_change", args=[event.organization_id])
        return format_html('<a class="hz-link hz-clip-short" href="{}">{}</a>', address, event.organization.name)

    @display(description="Creator")
    def of_creator(self, event: Event) -> SafeString | str:
        """Lead to the creator's events."""
        if not event.creator:
            return "-"
        address = f"{reverse('admin:analytics_event_changelist')}?{urlencode({'creator': event.creator})}"
        return format_html('<a class="hz-link hz-clip-short" href="{}">{}</a>', address, event.creator)

    @display(description="Properties")
    def told(self, event: Event) -> SafeString:
        """Begin to say what else is known."""
        lines = [f"{name}: {Truncator(value).chars(_LONGEST)}" for name, value in _flatten(event.properties)]
        more = f", and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        return format_html('<span class="hz-clip-short">{}</span>', ", ".join(lines[:_SHOWN]) + more or "-")

    @display(description="Properties")
    def told_table(self, event: Event) -> str:
        """Say what else is known, a line a value."""
        return render_to_string("analytics/admin/properties.html", {"properties": list(_flatten(event.properties))})


def _flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Go through values by their path; what is empty is written as JSON does."""
    if isinstance(value, dict) and (value or not name):
        for key in sorted(value):
            yield from _flatten(value[key], f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        for place, part in enumerate(value, start=1):
            yield from _flatten(part, f"{name}.{place}")
    elif isinstance(value, list):
        yield name, ", ".join(map(_write, value)) or "[]"
    else:
        yield name, _write(value)


def _write(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
