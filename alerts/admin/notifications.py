"""What was sent: each message with its attempts, and a button that sends it again."""

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.pages import ReadOnlyAdmin, door, find, press, render, require
from accounts.admin.paging import KeysetChangeList
from alerts.admin.pages import show_status
from alerts.models import Channel, Notification
from alerts.selectors import describe_attempts
from alerts.services.channels import resend
from alerts.services.delivering import make_message_id
from alerts.services.writing import write_letter
from workqueue.admin import DismissingAdmin

VIEW, CHANGE = "alerts.view_notification", "alerts.change_notification"


@admin.register(Notification)
class NotificationAdmin(DismissingAdmin, ReadOnlyAdmin):
    """Messages, the newest first; nobody adds, edits or deletes one by hand."""

    dismiss_about = (
        "The front page no longer counts it. It stays in the list with its error, and can be sent again at any time. "
        "Only failed messages can be dismissed."
    )

    list_display = ("title", "label", "state", "channel", "tried", "written")
    list_display_links = ("title",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("what", ChoicesDropdownFilter),
        ("channel", RelatedDropdownFilter),
    )
    list_filter_submit = True
    list_select_related = ("channel",)
    list_per_page = 50
    list_fullwidth = True
    ordering = ("-id",)
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        """List without counting."""
        return KeysetChangeList

    def get_urls(self) -> list[URLPattern]:
        """Add the button's address."""
        own = path("<int:pk>/resend/", door(self, resend_door), name="alerts_notification_resend")
        return [own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a message as its channel gets it, and how each attempt went."""
        require(request, VIEW)
        row = find(Notification, object_id)
        letter, is_mail = write_letter(row), row.channel.kind == Channel.Kind.EMAIL
        is_hook = row.channel.kind == Channel.Kind.WEBHOOK
        button_url, button_title = self.find_button(request, row)
        context = {
            "original": row,
            "button_url": button_url,
            "button_title": button_title,
            "row": row,
            "letter": letter,
            "said": json.dumps(letter.payload, indent=2, ensure_ascii=False) if is_hook else letter.text,
            "reference": make_message_id(row) if is_mail else row.reference,
            "state": self.state(row),
            "is_waiting": row.status == Notification.Status.WAITING,
            "attempts": describe_attempts(row),
            "may_resend": request.user.has_perm(CHANGE) and row.status not in Notification.UNENDED,
        }
        return render(self, request, "alerts/notification.html", letter.subject, context)

    @display(description="Message")
    def title(self, row: Notification) -> str:
        """Say what it is about."""
        return str(row)

    @display(description="Kind")
    def label(self, row: Notification) -> str:
        """Name what it tells."""
        return row.label

    @display(description="State")
    def state(self, row: Notification) -> SafeString:
        """Show how it stands."""
        return show_status(row)

    @display(description="Attempts")
    def tried(self, row: Notification) -> int:
        """Count the attempts."""
        return row.attempts

    @display(description="Written (UTC)")
    def written(self, row: Notification) -> str:
        """Tell when."""
        return f"{row.created_at:%Y-%m-%d %H:%M:%S}"


def resend_door(admin: NotificationAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Send a message again."""
    user, row = require(request, VIEW, CHANGE), find(Notification, pk)

    def act() -> str:
        resend(row.pk, user)
        return "It is sent again, under the same reference."

    return press(request, act, redirect("admin:alerts_notification_change", row.pk))
