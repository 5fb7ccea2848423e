"""Filters that lists of several apps offer."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget


class _DayForm(forms.Form):
    def __init__(self, name: str, label: str, value: str | None) -> None:
        super().__init__(data={name: value})
        widget = UnfoldAdminTextInputWidget({"type": "date"})
        self.fields[name] = forms.DateField(label=label, required=False, widget=widget)


class DayFilter(admin.SimpleListFilter):
    """Rows of one day, in UTC, by an instant of theirs that an index knows."""

    column = "at"
    label = "By day (UTC)"
    title = "day"
    parameter_name = "day"
    template = "unfold/filters/filters_field.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Any day will do; the list only has to be there."""
        return [("", "Any day")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer a date field."""
        yield {"form": _DayForm("day", self.label, self.value())}

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        """Keep the day's rows; a day that is none keeps nothing."""
        if not self.value():
            return queryset
        try:
            start = dt.datetime.strptime(str(self.value()), "%Y-%m-%d").replace(tzinfo=dt.UTC)
            end = start + dt.timedelta(days=1)
        except (ValueError, OverflowError):
            return queryset.none()
        return queryset.filter(**{f"{self.column}__gte": start, f"{self.column}__lt": end})
