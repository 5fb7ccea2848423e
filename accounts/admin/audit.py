"""The audit trail as staff read it: found by index however long it is, and written by nobody here."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display

from accounts.admin.filters import DayFilter
from accounts.admin.pages import ReadOnlyAdmin, breakable
from accounts.admin.paging import KeysetChangeList
from accounts.models import AuditEntry
from accounts.models.audit import name_column
from accounts.selectors import list_audited_types, list_audited_verbs


class VerbFilter(DropdownFilter):
    """Entries of one verb."""

    title = "what"
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the verbs that there are."""
        return [(verb, verb.replace("-", " ").capitalize()) for verb in list_audited_verbs()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Keep that verb's entries."""
        return queryset.filter(verb=self.value()) if self.value() else queryset


class TypeFilter(DropdownFilter):
    """Entries about one kind of thing."""

    title = "kind of object"
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the kinds that there are."""
        return sorted(((kind, name_kind(kind)) for kind in list_audited_types()), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Keep that kind's entries."""
        return queryset.filter(object_type=self.value()) if self.value() else queryset


def name_kind(label: str) -> str:
    """Name a kind of thing as people do; one that the code no longer knows keeps its label."""
    try:
        return str(apps.get_model(label)._meta.verbose_name).capitalize()
    except (LookupError, ValueError):
        return label


def describe(value: Any) -> list[str]:
    """Write a value for people, a part of it a line."""
    if isinstance(value, dict):
        return [f"{name_column(name, part)}: {', '.join(describe(part))}" for name, part in value.items()] or ["-"]
    if isinstance(value, list):
        return [", ".join(describe(part)) for part in value] or ["-"]
    if isinstance(value, bool):
        return ["Yes" if value else "No"]
    return ["-" if value in {None, ""} else str(value)]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, the newest first."""

    list_display = ("when", "who", "what", "thing", "changed", "reason_begun", "from_where")
    list_display_links = ("when",)
    list_filter = (
        VerbFilter,
        TypeFilter,
        ("actor", AutocompleteSelectFilter),
        ("door", ChoicesDropdownFilter),
        DayFilter,
    )
    # As History links.
    linked_by = ("object_id",)
    list_filter_submit = True
    list_select_related = False
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("object_id",)
    search_help_text = "The object's id, the e-mail address of who did it, or a request id"
    ordering = ("-id",)
    sortable_by = ()
    actions = None
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = ("when", "who", "what", "thing", "changes", "reason_given", "from_where", "request_id")
    readonly_fields = fields

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        """List without counting."""
        return KeysetChangeList

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an entry, which has no history but itself."""
        return super().change_view(request, object_id, form_url, {"show_history": False, **(extra_context or {})})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Find what is written exactly so: that is what the indexes know."""
        term = search_term.strip()
        if not term:
            return queryset, False
        # The index of request ids leaves out those that are empty.
        by_request = Q(request_id=term) & ~Q(request_id="")
        return queryset.filter(Q(object_id=term) | Q(actor_name=term.lower()) | by_request), False

    @display(description="When (UTC)")
    def when(self, entry: AuditEntry) -> str:
        """Tell when."""
        return _unbroken(f"{entry.at:%Y-%m-%d %H:%M:%S}")

    @display(description="Who")
    def who(self, entry: AuditEntry) -> SafeString:
        """Name who it was, as they were called then."""
        return breakable(entry.who)

    @display(description="What")
    def what(self, entry: AuditEntry) -> str:
        """Say what was done."""
        return _unbroken(entry.label)

    @display(description="To what")
    def thing(self, entry: AuditEntry) -> SafeString | str:
        """Name the object and lead to it."""
        if not entry.object_type:
            return entry.object_name or "-"
        name = f"{name_kind(entry.object_type)} {entry.object_name or entry.object_id}"
        address = _address_of(entry)
        return (
            format_html('<a class="hz-link hz-clip-short" href="{}">{}</a>', address, name) if address else _clip(name)
        )

    @display(description="Changed")
    def changed(self, entry: AuditEntry) -> str:
        """Name the fields that changed."""
        return _clip(", ".join(name for name, _, _ in entry.list_changes()) or "-")

    @display(description="Before and after")
    def changes(self, entry: AuditEntry) -> str:
        """Show each field before and after."""
        rows = [(name, describe(before), describe(after)) for name, before, after in entry.list_changes()]
        return render_to_string("accounts/audit_changes.html", {"changes": rows})

    @display(description="Why")
    def reason_given(self, entry: AuditEntry) -> str:
        """Give the reason."""
        return entry.reason or "-"

    @display(description="Why")
    def reason_begun(self, entry: AuditEntry) -> str:
        """Give the reason, as far as there is room."""
        return _clip(entry.reason or "-")

    @display(description="From where")
    def from_where(self, entry: AuditEntry) -> str:
        """Name the door, and the network address."""
        return f"{entry.get_door_display()}, {entry.address}" if entry.address else entry.get_door_display()


def _unbroken(text: str) -> SafeString:
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


def _clip(text: str) -> SafeString:
    return format_html('<span class="hz-clip-short">{}</span>', text)


def _address_of(entry: AuditEntry) -> str:
    app, _, model = entry.object_type.partition(".")
    if not entry.object_id or entry.verb == "delete":
        return ""
    try:
        return reverse(f"admin:{app}_{model}_change", args=[entry.object_id])
    except NoReverseMatch:
        return ""
