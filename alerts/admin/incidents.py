"""Incidents: what is open comes first; each can be acknowledged, snoozed, noted on and resolved."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import ReadOnlyAdmin, breakable, coloured, door, find, press, render, require
from alerts.admin.pages import SEVERITY_TONES, describe_state, show_status
from alerts.forms import NoteForm, SnoozeForm
from alerts.models import Incident, Severity
from alerts.registry import get_title, list_conditions
from alerts.selectors import list_timeline, order_open_first
from alerts.services import incidents
from common.clock import now
from common.errors import Permanent

VIEW, CHANGE = "alerts.view_incident", "alerts.change_incident"


class StateFilter(DropdownFilter):
    """Open, snoozed or resolved."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states."""
        return [
            ("open", "Open"),
            ("unseen", "Open, not acknowledged or snoozed"),
            ("snoozed", "Snoozed"),
            ("resolved", "Resolved"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        """Keep the wanted ones."""
        match self.value():
            case "open":
                return queryset.filter(resolved_at=None)
            case "unseen":
                return queryset.filter(resolved_at=None, acknowledged_at=None).exclude(snoozed_until__gt=now())
            case "snoozed":
                return queryset.filter(resolved_at=None, snoozed_until__gt=now())
            case "resolved":
                return queryset.exclude(resolved_at=None)
        return queryset


class ConditionFilter(DropdownFilter):
    """Incidents of one condition."""

    title = "condition"
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the declared conditions."""
        return [(condition.name, condition.title) for condition in list_conditions()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        """Keep those of that condition."""
        return queryset.filter(condition=self.value()) if self.value() else queryset


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """Incidents; nobody adds, edits or deletes one by hand."""

    list_display = ("what", "gravity", "state", "about", "opened", "often")
    list_display_links = ("what",)
    list_filter = (StateFilter, ConditionFilter, ("severity", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("acknowledged_by",)
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("title", "scope", "detail")
    search_help_text = "Title, scope or detail"
    sortable_by = ()
    actions = None
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_urls(self) -> list[URLPattern]:
        """Add the buttons' addresses."""
        doors = {
            "acknowledge": acknowledge, "snooze": snooze, "end_snooze": end_snooze, "resolve": resolve, "note": note,
        }  # fmt: skip
        own = [
            path(f"<int:pk>/{name.replace('_', '-')}/", door(self, view), name=f"alerts_incident_{name}")
            for name, view in doors.items()
        ]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        """Put what is open first."""
        queryset: QuerySet[Incident] = super().get_queryset(request)
        return order_open_first(queryset)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Leave the order as the selector gives it."""
        return tuple(order_open_first(Incident.objects.all()).query.order_by)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an incident with all that happened to it."""
        require(request, VIEW)
        incident = find(Incident, object_id)
        context = {
            "original": incident,
            "incident": incident,
            "kind": get_title(incident.condition),
            "tone": SEVERITY_TONES[Severity(incident.severity)],
            "state": self.state(incident),
            "timeline": [
                (moment, show_status(moment.notification) if moment.notification else "")
                for moment in list_timeline(incident)
            ],
            "may_change": request.user.has_perm(CHANGE),
            "may_see_sent": request.user.has_perm("alerts.view_notification"),
            "hours": SnoozeForm.HOURS,
            "is_snoozed": incident.is_snoozed(now()),
        }
        return render(self, request, "alerts/incident.html", str(incident), context)

    @display(description="What")
    def what(self, incident: Incident) -> SafeString:
        """Say what is wrong."""
        return breakable(incident.title)

    @display(description="Severity")
    def gravity(self, incident: Incident) -> SafeString:
        """Show how bad it is."""
        return coloured(incident.get_severity_display(), SEVERITY_TONES[Severity(incident.severity)])

    @display(description="State")
    def state(self, incident: Incident) -> SafeString:
        """Show whether it is open, acknowledged by somebody, snoozed, or resolved."""
        return coloured(*describe_state(incident, now()))

    @display(description="Condition")
    def about(self, incident: Incident) -> SafeString:
        """Name the condition."""
        return breakable(get_title(incident.condition))

    @display(description="Since (UTC)")
    def opened(self, incident: Incident) -> str:
        """Tell since when."""
        return f"{incident.began_at:%Y-%m-%d %H:%M}"

    @display(description="How many")
    def often(self, incident: Incident) -> str:
        """Tell how often."""
        return f"{incident.count:,}"


def _back(pk: int) -> HttpResponse:
    return redirect("admin:alerts_incident_change", pk)


def _note(request: HttpRequest) -> str:
    form = NoteForm(request.POST)
    if not form.is_valid():
        raise Permanent("The note is too long.")
    return str(form.cleaned_data["note"])


def acknowledge(admin: IncidentAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Take an incident in hand."""
    user, incident = require(request, VIEW, CHANGE), find(Incident, pk)

    def act() -> str:
        incidents.acknowledge(incident.pk, user, _note(request))
        return "Acknowledged. Reminders are off."

    return press(request, act, _back(pk))


def snooze(admin: IncidentAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Let reminders rest for a while."""
    user, incident = require(request, VIEW, CHANGE), find(Incident, pk)

    def act() -> str:
        form = SnoozeForm(request.POST)
        if not form.is_valid():
            raise Permanent("Choose for how long.")
        until = now() + form.pause()
        incidents.snooze(incident.pk, user, until, form.cleaned_data["note"])
        return f"Snoozed until {until:%Y-%m-%d %H:%M} UTC. Reminders are off until then."

    return press(request, act, _back(pk))


def end_snooze(admin: IncidentAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Let reminders come again."""
    user, incident = require(request, VIEW, CHANGE), find(Incident, pk)

    def act() -> str:
        incidents.end_snooze(incident.pk, user, _note(request))
        return "The snooze is over: reminders come again."

    return press(request, act, _back(pk))


def resolve(admin: IncidentAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """End an incident by hand."""
    user, incident = require(request, VIEW, CHANGE), find(Incident, pk)

    def act() -> str:
        incidents.resolve(incident.pk, user, _note(request))
        return "Resolved. It reopens only if the problem clears and comes back."

    return press(request, act, _back(pk))


def note(admin: IncidentAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Keep a note."""
    user, incident = require(request, VIEW, CHANGE), find(Incident, pk)

    def act() -> str:
        incidents.add_note(incident.pk, user, _note(request))
        return "Noted."

    return press(request, act, _back(pk))
