"""Creators on OnlyFans."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import BooleanField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from accounts.admin import PanelledAdmin
from accounts.admin.pages import door, find, press, require
from common.clock import now
from common.encryption import read_unless_lost
from onlyfans.checks import CONNECT_AGAIN
from onlyfans.models import CreatorAccount
from onlyfans.services.connecting import renew_credentials
from onlyfans.services.ingesting import attach_unmatched
from onlyfans.services.trying import try_credentials

if TYPE_CHECKING:
    _CreatorModelForm = forms.ModelForm[CreatorAccount]
else:
    _CreatorModelForm = forms.ModelForm


class CreatorForm(_CreatorModelForm):
    """A creator; the stored token can be replaced or removed, never read."""

    new_token = forms.CharField(
        label="New gateway token",
        required=False,
        max_length=4000,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text="Stored encrypted, and never shown again. Empty: what is stored stays.",
    )
    new_session = forms.JSONField(
        label="New session",
        required=False,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text="Instead of a token, where the gateway wants a browser's session: JSON like "
        "{“cookie”: “…”, “x_bc”: “…”, “user_agent”: “…”}. Stored encrypted, and never shown again.",
    )
    forget_token = forms.BooleanField(label="Remove what is stored", required=False, widget=UnfoldBooleanSwitchWidget())

    class Meta:
        model = CreatorAccount
        fields = ("organization", "onlyfans_user_id", "display_name", "status", "created_at")
        help_texts = {"organization": "A creator stays with the organization that is billed for it."}

    def clean(self) -> dict[str, Any]:
        """Refuse to store and to remove a token at once."""
        super().clean()
        session = self.cleaned_data.get("new_session")
        if (self.cleaned_data.get("new_token") or session) and self.cleaned_data.get("forget_token"):
            self.add_error("forget_token", "Either store a new token or remove the stored one.")
        if session and not (isinstance(session, dict) and all(isinstance(part, str) for part in session.values())):
            self.add_error("new_session", "Give an object of texts, like {“cookie”: “…”}.")
        return self.cleaned_data

    def clean_onlyfans_user_id(self) -> str:
        """Refuse what the gateway's address would read as a step."""
        user_id: str = self.cleaned_data["onlyfans_user_id"]
        if user_id in {".", ".."}:
            raise forms.ValidationError("Enter the id that OnlyFans gives the account, like of_123456.")
        return user_id

    def save(self, commit: bool = True) -> CreatorAccount:
        """Keep whatever else is stored beside the token."""
        token, session = self.cleaned_data["new_token"].strip(), self.cleaned_data["new_session"]
        news = ({"token": token} if token else {}) | ({"session": session} if session else {})
        if news:
            stored = read_unless_lost(self.instance, "credentials")
            # A token goes first: an old one would hide the session that is to take its place.
            kept = (
                {name: value for name, value in stored.items() if name != "token"} if isinstance(stored, dict) else {}
            )
            renew_credentials(self.instance, kept | news)
        elif self.cleaned_data["forget_token"]:
            renew_credentials(self.instance, None)
        return super().save(commit)


_SEEN = ("connected", "connection", "connected_since", "connection_reason", "advice")


@admin.register(CreatorAccount)
class CreatorAccountAdmin(PanelledAdmin):
    """OnlyFans accounts; one that is gone is closed, never deleted."""

    form = CreatorForm
    change_form_outer_before_template = "onlyfans/admin/creator_test.html"  # type: ignore[assignment]  # None is only its default
    list_display = ("display_name", "organization", "onlyfans_user_id", "state", "connection", "since")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("connection_state", ChoicesDropdownFilter),
        ("organization", AutocompleteSelectFilter),
    )
    list_filter_submit = True
    list_select_related = ("organization",)
    list_per_page = 50
    search_fields = ("display_name", "onlyfans_user_id")
    search_help_text = "Name or OnlyFans user id"
    autocomplete_fields = ("organization",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = _SEEN
    # What decides who is billed for a creator, and from when on: not for those who only look after its connection.
    billed_fields = ("onlyfans_user_id", "status", "created_at")
    fieldsets = (
        (None, {"fields": ("organization", "display_name", "onlyfans_user_id", "status", "created_at")}),
        ("Gateway", {"fields": (*_SEEN, "new_token", "new_session", "forget_token")}),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the test of what is stored."""
        return [path("<int:pk>/test/", door(self, test), name="onlyfans_creatoraccount_test"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer the test where there is something to test, to whoever may replace it."""
        creator = self.get_object(request, object_id)
        may_test = bool(creator and self.connected(creator) and self.has_change_permission(request, creator))
        return super().change_view(request, object_id, form_url, {"may_test": may_test, **(extra_context or {})})

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show what stands in the form only: there is nothing to enter for whoever may only look."""
        creator = obj if isinstance(obj, CreatorAccount) else None
        may_write = self.has_change_permission(request, creator) if creator else self.has_add_permission(request)
        if may_write:
            return self.fieldsets
        return (self.fieldsets[0], ("Gateway", {"fields": _SEEN}))

    def get_readonly_fields(self, request: HttpRequest, obj: CreatorAccount | None = None) -> tuple[str, ...]:
        """Let nobody move a creator, and only those who may add one change what its billing follows from."""
        if obj is None:
            return self.readonly_fields
        kept = () if self.has_add_permission(request) else self.billed_fields
        return (*self.readonly_fields, "organization", *kept)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreatorAccount]:
        """Return whether credentials are stored without reading them."""
        queryset: QuerySet[CreatorAccount] = super().get_queryset(request)
        stored = ExpressionWrapper(Q(credentials__isnull=False), output_field=BooleanField())
        return queryset.defer("credentials").annotate(is_connected=stored)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Take in at once what waited for the user id."""
        super().save_model(request, obj, form, change)
        if "onlyfans_user_id" in form.changed_data:
            attach_unmatched(now(), [obj.onlyfans_user_id])

    def has_delete_permission(self, request: HttpRequest, obj: CreatorAccount | None = None) -> bool:
        """Creators are closed instead."""
        return False

    @display(description="Status", label={"Active": "success", "Paused": "warning", "Closed": ""}, ordering="status")
    def state(self, creator: CreatorAccount) -> str:
        """Show the status as a coloured label."""
        return creator.get_status_display()

    @display(description="Since", ordering="created_at")
    def since(self, creator: CreatorAccount) -> str:
        """Tell the day from which on free months count."""
        return f"{creator.created_at:%Y-%m-%d}"

    @display(
        description="Connection",
        label={"Connected": "success", "Not tried yet": "info", "Connect again": "danger", "No credentials": ""},
        ordering="connection_state",
    )
    def connection(self, creator: CreatorAccount) -> str:
        """Show what the gateway said of the credentials as a coloured label."""
        return creator.get_connection_state_display() if self.connected(creator) else "No credentials"

    @display(description="Since (UTC)")
    def connected_since(self, creator: CreatorAccount) -> str:
        """Tell since when the connection is so."""
        return f"{creator.connection_since:%Y-%m-%d %H:%M}" if creator.connection_since else "-"

    @display(description="What to do")
    def advice(self, creator: CreatorAccount) -> str:
        """Say what somebody must do for the earnings to be pulled."""
        if not self.connected(creator):
            return "Store a token, or let its earnings be ingested."
        return CONNECT_AGAIN if creator.connection_state == CreatorAccount.Connection.EXPIRED else "-"

    @display(description="Credentials stored", boolean=True)
    def connected(self, creator: CreatorAccount) -> bool:
        """Return whether there are credentials, not which."""
        return bool(getattr(creator, "is_connected", False))


def test(admin: CreatorAccountAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the gateway now whether it takes what is stored, and tell what came of it."""
    user = require(request, "onlyfans.view_creatoraccount", "onlyfans.change_creatoraccount")
    creator = find(CreatorAccount, pk)
    return press(
        request, lambda: try_credentials(creator, user), redirect("admin:onlyfans_creatoraccount_change", creator.pk)
    )
