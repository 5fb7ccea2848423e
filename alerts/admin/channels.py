"""Channels: where messages go, with a button that shows whether they arrive."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.pages import breakable, coloured, door, find, require
from alerts.admin.pages import show_status
from alerts.forms import ChannelForm
from alerts.models import Channel, Notification
from alerts.selectors import list_last_notifications
from alerts.services.channels import send_test

_SHOWN = 8


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    """Channels; one that is no longer wanted is switched off, so that what it was sent stays readable."""

    form = ChannelForm
    list_display = ("name", "sort", "goes_to", "state")
    list_filter = (("kind", ChoicesDropdownFilter), "is_enabled")
    search_fields = ("name", "shown_as")
    ordering = ("name",)
    change_form_outer_before_template = "alerts/channel_state.html"  # type: ignore[assignment]  # None is only its default
    conditional_fields = {
        "address": "kind == 'email'",
        "url": "kind == 'slack' || kind == 'webhook' || kind == 'apprise'",
        "topic": "kind == 'sns'",
        "secret": "kind == 'webhook'",
    }
    fields = ("name", "kind", "address", "url", "topic", "secret", "is_enabled")
    audited_as = {"config": "address and key", "shown_as": "goes to"}

    def get_fields(self, request: HttpRequest, obj: Channel | None = None) -> Any:
        """Show no empty fields for secrets to whoever may only look."""
        may_write = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return self.fields if may_write else ("name", "kind", "goes_to", "is_enabled")

    def has_delete_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        """Channels are switched off instead."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Read no secret for a list."""
        queryset: QuerySet[Channel] = super().get_queryset(request)
        place = request.resolver_match
        is_list = place is not None and place.url_name == "alerts_channel_changelist"
        return queryset.defer("config") if is_list else queryset

    def get_urls(self) -> list[URLPattern]:
        """Add the test."""
        return [path("<int:pk>/test/", door(self, test), name="alerts_channel_test"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what was last sent, and the test, above the form."""
        channel = self.get_object(request, object_id)
        last = list_last_notifications(channel, _SHOWN) if channel else []
        context = {
            "channel": channel if channel and self.has_view_permission(request, channel) else None,
            "may_test": self.has_change_permission(request, channel),
            "last": [(row, show_status(row)) for row in last],
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def response_add(self, request: HttpRequest, obj: Channel, post_url_continue: str | None = None) -> HttpResponse:
        """Lead to the test, which is the next thing to do."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, f"“{obj}” was made. Press “Send test” to see whether messages arrive.")
        return redirect("admin:alerts_channel_change", obj.pk)

    @display(description="Kind")
    def sort(self, channel: Channel) -> str:
        """Name the kind."""
        return channel.get_kind_display()

    @display(description="Goes to", ordering="shown_as")
    def goes_to(self, channel: Channel) -> SafeString:
        """Tell where it leads, as far as that may be shown."""
        return breakable(channel.shown_as or "-")

    @display(description="State")
    def state(self, channel: Channel) -> SafeString:
        """Show whether it is on, and whether it failed of late."""
        if not channel.is_enabled:
            return coloured("Off", "")
        if channel.failures:
            return coloured(f"Failed {channel.failures}×", "danger")
        return coloured("On", "success")


def test(admin: ChannelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test message now and tell what came of it."""
    user = require(request, "alerts.view_channel", "alerts.change_channel")
    channel = find(Channel, pk)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    row = send_test(channel, user)
    if row.status == Notification.Status.SENT:
        messages.success(request, f"The test message was sent. {row.history[-1]['said']}".strip())
    else:
        messages.error(request, f"The test message was not sent: {row.error or 'nobody knows why'}")
    return redirect("admin:alerts_channel_change", channel.pk)
