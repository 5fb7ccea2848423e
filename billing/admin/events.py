"""Stripe's events: what came, what became of it, and processing again what did not go through."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.pages import AnyAdmin, ReadOnlyAdmin, door, find, render, require
from accounts.forms import ReasonForm
from billing.admin.corrections import tell_of_run
from billing.admin.filters import EventTypeFilter
from billing.admin.pages import Question, ask
from billing.admin.words import EVENT_TONES, show_label
from billing.models import Invoice, StripeEvent
from billing.services.events import process_again
from workqueue.admin import DismissingAdmin

PROCESS = "billing.process_stripeevent"
_MOST_AT_ONCE = 500


@admin.register(StripeEvent)
class StripeEventAdmin(DismissingAdmin, ReadOnlyAdmin):
    """Stripe's events, the last that came first."""

    dismiss_about = (
        "Nobody is asked about it any more, and nothing follows from it. It stays in the list with its error, and can "
        "be processed again at any time. Only failed events can be dismissed."
    )
    list_display = ("received", "type", "about", "state", "attempts", "came_by", "what")
    list_display_links = ("received",)
    list_filter = (("status", ChoicesDropdownFilter), EventTypeFilter, ("source", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("invoice", "account__organization")
    list_per_page = 50
    list_fullwidth = True
    search_fields = ("event_id",)
    search_help_text = "Event, object in Stripe or invoice number"
    ordering = ("-id",)
    sortable_by = ()
    actions = ("process_selected", *DismissingAdmin.actions)
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_urls(self) -> list[URLPattern]:
        """Add the door of processing again."""
        name = "billing_stripeevent_again"
        return [path("<int:event_id>/again/", door(self, again_page), name=name), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StripeEvent]:
        """Leave the bodies out of lists."""
        queryset: QuerySet[StripeEvent] = super().get_queryset(request)
        return queryset.defer("body")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StripeEvent], search_term: str
    ) -> tuple[QuerySet[StripeEvent], bool]:
        """Search by what Stripe calls the event or its object, or by our invoice, each by its index."""
        if text := search_term.strip():
            invoices = Invoice.objects.filter(number=text.upper()).values_list("pk", flat=True)
            queryset = queryset.filter(Q(event_id=text) | Q(object_id=text) | Q(invoice__in=list(invoices)))
        return queryset, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an event."""
        return event_page(self, request, object_id)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the event, whose page tells what became of it."""
        return redirect("admin:billing_stripeevent_change", object_id)

    @display(description="Received (UTC)")
    def received(self, event: StripeEvent) -> str:
        """Tell when it came."""
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{event.received_at:%Y-%m-%d %H:%M:%S}")

    @display(description="About")
    def about(self, event: StripeEvent) -> str:
        """Name what it is about: in Stripe, and here where it is ours."""
        ours = _name_ours(event)
        link = format_html('<a class="hz-link" href="{}">{}</a>', *ours) if ours else ""
        return format_html('{}<span class="hz-key hz-muted hz-wrap block">{}</span>', link, event.object_id)

    @display(description="State")
    def state(self, event: StripeEvent) -> str:
        """Show the status as a coloured label."""
        return show_label(event.get_status_display(), EVENT_TONES.get(event.status, ""))

    @display(description="By")
    def came_by(self, event: StripeEvent) -> str:
        """Tell by which door it came."""
        return event.get_source_display()

    @display(description="What was said")
    def what(self, event: StripeEvent) -> str:
        """Show the error, or why nothing followed: of a dismissed one, why nobody needs it."""
        if event.status == StripeEvent.Status.DISMISSED:
            return format_html('<span class="hz-muted hz-clip">{}</span>', f"Dismissed: {event.dismissed_reason}")
        if event.error:
            return format_html('<span class="hz-bad hz-clip">{}</span>', event.error)
        return format_html('<span class="hz-muted hz-clip">{}</span>', event.note or "-")

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Tell who may process events again."""
        return request.user.has_perm(PROCESS)

    @admin.action(description="Process selected again", permissions=["process"])
    def process_selected(self, request: HttpRequest, queryset: QuerySet[StripeEvent]) -> None:
        """Start the run that does it."""
        actor = require(request, "billing.view_stripeevent", PROCESS)
        ids = list(queryset.order_by("id").values_list("pk", flat=True)[: _MOST_AT_ONCE + 1])
        if len(ids) > _MOST_AT_ONCE:
            messages.error(request, f"At most {_MOST_AT_ONCE} can be processed again at once.")
            return
        tell_of_run(request, process_again(ids, actor=actor, reason="Ticked in the list"), "They are processed by")


def _name_ours(event: StripeEvent) -> tuple[str, str] | None:
    if event.invoice is not None:
        return reverse("admin:billing_invoice_change", args=[event.invoice_id]), str(event.invoice)
    if event.account is not None:
        return reverse("admin:billing_billingaccount_change", args=[event.account_id]), str(event.account)
    return None


def event_page(admin: DismissingAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show an event, what became of it, and its body."""
    require(request, "billing.view_stripeevent")
    event = find(StripeEvent, object_id)
    may_process = request.user.has_perm(PROCESS)
    button_url, button_title = admin.find_button(request, event)
    context = {
        "event": event,
        "tone": EVENT_TONES.get(event.status, ""),
        "ours": _name_ours(event),
        "button_url": button_url,
        "button_title": button_title,
        "again_url": reverse("admin:billing_stripeevent_again", args=[event.pk]) if may_process else "",
        "body": json.dumps(event.body, indent=2, ensure_ascii=False),
    }
    return render(admin, request, "billing/admin/stripe_event.html", event.type, context)


def again_page(admin: AnyAdmin, request: HttpRequest, event_id: int) -> HttpResponse:
    """Process an event again."""
    actor = require(request, "billing.view_stripeevent", PROCESS)
    event = find(StripeEvent, event_id)
    back = reverse("admin:billing_stripeevent_change", args=[event.pk])

    def act(form: ReasonForm) -> HttpResponse:
        run = process_again([event.pk], actor=actor, reason=form.cleaned_data["reason"])
        tell_of_run(request, run, "The event is processed again by")
        return redirect(back)

    says = (
        f"Process {event.event_id} ({event.type}) again?",
        "Nothing is changed twice by that: what it says is joined with what is known.",
    )
    return ask(admin, request, Question("Process again", "Process again", back, says), ReasonForm, act)
