"""Creators on OnlyFans."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import BooleanField
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanSwitchWidget

from accounts.admin import PanelledAdmin
from onlyfans.models import CreatorAccount

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
    forget_token = forms.BooleanField(
        label="Remove the stored token", required=False, widget=UnfoldBooleanSwitchWidget()
    )

    class Meta:
        model = CreatorAccount
        fields = ("organization", "onlyfans_user_id", "display_name", "status", "created_at")
        help_texts = {"organization": "A creator stays with the organization that is billed for it."}

    def clean(self) -> dict[str, Any]:
        """Refuse to store and to remove a token at once."""
        super().clean()
        if self.cleaned_data.get("new_token") and self.cleaned_data.get("forget_token"):
            self.add_error("forget_token", "Either store a new token or remove the stored one.")
        return self.cleaned_data

    def save(self, commit: bool = True) -> CreatorAccount:
        """Keep whatever else is stored beside the token."""
        if token := self.cleaned_data["new_token"].strip():
            stored = self.instance.credentials
            self.instance.credentials = {**(stored if isinstance(stored, dict) else {}), "token": token}
        elif self.cleaned_data["forget_token"]:
            self.instance.credentials = None
        return super().save(commit)


@admin.register(CreatorAccount)
class CreatorAccountAdmin(PanelledAdmin):
    """OnlyFans accounts; one that is gone is closed, never deleted."""

    form = CreatorForm
    list_display = ("display_name", "organization", "onlyfans_user_id", "state", "connected", "since")
    list_filter = (("status", ChoicesDropdownFilter), ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    list_select_related = ("organization",)
    list_per_page = 50
    search_fields = ("display_name", "onlyfans_user_id")
    search_help_text = "Name or OnlyFans user id"
    autocomplete_fields = ("organization",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("connected",)
    # What decides who is billed for a creator, and from when on: not for those who only look after its connection.
    billed_fields = ("onlyfans_user_id", "status", "created_at")
    fieldsets = (
        (None, {"fields": ("organization", "display_name", "onlyfans_user_id", "status", "created_at")}),
        ("Gateway", {"fields": ("connected", "new_token", "forget_token")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Show what stands in the form only: there is nothing to enter for whoever may only look."""
        creator = obj if isinstance(obj, CreatorAccount) else None
        may_write = self.has_change_permission(request, creator) if creator else self.has_add_permission(request)
        if may_write:
            return self.fieldsets
        return (self.fieldsets[0], ("Gateway", {"fields": ("connected",)}))

    def get_readonly_fields(self, request: HttpRequest, obj: CreatorAccount | None = None) -> tuple[str, ...]:
        """Let nobody move a creator, and only those who may add one change what its billing follows from."""
        if obj is None:
            return self.readonly_fields
        kept = () if self.has_add_permission(request) else self.billed_fields
        return (*self.readonly_fields, "organization", *kept)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreatorAccount]:
        """Tell whether credentials are stored without reading them."""
        queryset: QuerySet[CreatorAccount] = super().get_queryset(request)
        stored = ExpressionWrapper(Q(credentials__isnull=False), output_field=BooleanField())
        return queryset.defer("credentials").annotate(is_connected=stored)

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

    @display(description="Token stored", boolean=True)
    def connected(self, creator: CreatorAccount) -> bool:
        """Tell whether there are credentials, not which."""
        return bool(getattr(creator, "is_connected", False))
