"""Months in forms and lists."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from common.clock import Month


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

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
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
