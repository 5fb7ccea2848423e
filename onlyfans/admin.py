"""Creators and what they earned."""

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import ExpressionWrapper
from django.db.models.fields import BooleanField
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts.admin import PanelledAdmin
from common.clock import Month
from common.money import format_money
from onlyfans.models import CreatorAccount, EarningsAggregate

if TYPE_CHECKING:
    _CreatorModelForm = forms.ModelForm[CreatorAccount]
    _EarningsModelForm = forms.ModelForm[EarningsAggregate]
else:
    _CreatorModelForm = _EarningsModelForm = forms.ModelForm

STAFF_SOURCE = "staff"


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


class _MonthForm(forms.Form):
    def __init__(self, name: str, value: str | None) -> None:
        super().__init__(data={name: value})
        widget = UnfoldAdminTextInputWidget({"type": "month", "placeholder": "2026-10"})
        self.fields[name] = forms.CharField(label="By month", required=False, widget=widget)


class MonthFilter(admin.SimpleListFilter):
    """Rows of one month."""

    title = "month"
    parameter_name = "month"
    template = "unfold/filters/filters_field.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Any month will do; the list only has to be there."""
        return [("", "Any month")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer a month field."""
        yield {"form": _MonthForm("month", self.value())}

    def queryset(self, request: HttpRequest, queryset: QuerySet[EarningsAggregate]) -> QuerySet[EarningsAggregate]:
        """Keep the month's rows; a month that is none keeps nothing."""
        if not self.value():
            return queryset
        try:
            return queryset.filter(month=Month.parse(str(self.value())).first_day)
        except ValueError:
            return queryset.none()


class MonthField(forms.Field):
    """A calendar month, kept as its first day."""

    widget = UnfoldAdminTextInputWidget({"type": "month", "placeholder": "2026-10"})

    def prepare_value(self, value: Any) -> Any:
        """Write the day as the month that it begins."""
        return str(Month.of(value)) if isinstance(value, dt.date) else value

    def to_python(self, value: Any) -> dt.date | None:
        """Read `2026-10`."""
        if value in self.empty_values:
            return None
        try:
            return Month.parse(str(value)).first_day
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class EarningsForm(_EarningsModelForm):
    """One month's earnings in one category, gross and net."""

    month = MonthField()

    class Meta:
        model = EarningsAggregate
        fields = ("creator", "month", "category", "gross_cents", "net_cents", "currency")
        help_texts = {
            "gross_cents": "In hundredths; chargebacks are negative.",
            "net_cents": "Gross less what OnlyFans keeps.",
        }

    def save(self, commit: bool = True) -> EarningsAggregate:
        """Say where the figures came from."""
        self.instance.source, self.instance.received_at = STAFF_SOURCE, timezone.now()
        return super().save(commit)


@admin.register(EarningsAggregate)
class EarningsAggregateAdmin(ModelAdmin):
    """What creators earned; what changes after a month was billed is trued up on the next invoice."""

    form = EarningsForm
    list_display = ("creator", "period", "category", "gross", "net", "source", "received")
    list_filter = (MonthFilter, ("category", ChoicesDropdownFilter))
    list_filter_submit = True
    list_select_related = ("creator",)
    list_per_page = 50
    search_fields = ("=creator__onlyfans_user_id",)
    search_help_text = "The creator's OnlyFans user id"
    autocomplete_fields = ("creator",)
    ordering = ("-id",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("source", "received_at")
    fieldsets = ((None, {"fields": (*EarningsForm.Meta.fields, "source", "received_at")}),)
    add_fieldsets = ((None, {"fields": EarningsForm.Meta.fields}),)  # type: ignore[assignment]  # () is its default

    def get_queryset(self, request: HttpRequest) -> QuerySet[EarningsAggregate]:
        """Leave the creators' credentials where they are."""
        queryset: QuerySet[EarningsAggregate] = super().get_queryset(request)
        return queryset.defer("creator__credentials")

    def get_readonly_fields(self, request: HttpRequest, obj: EarningsAggregate | None = None) -> tuple[str, ...]:
        """Let figures be corrected, not whose they are."""
        return (*self.readonly_fields, "creator", "month", "category") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: EarningsAggregate | None = None) -> bool:
        """Figures are set to zero instead: late data is found by what changed."""
        return False

    @display(description="Month", ordering="month")
    def period(self, row: EarningsAggregate) -> str:
        """Name the month."""
        return Month.of(row.month).label

    @display(description="Received (UTC)", ordering="received_at")
    def received(self, row: EarningsAggregate) -> str:
        """Tell when the figures came."""
        return f"{row.received_at:%Y-%m-%d %H:%M}"

    @display(description="Gross")
    def gross(self, row: EarningsAggregate) -> str:
        """Write the amount with its currency."""
        return format_money(row.gross_cents, row.currency)

    @display(description="Net")
    def net(self, row: EarningsAggregate) -> str:
        """Write the amount with its currency."""
        return format_money(row.net_cents, row.currency)
