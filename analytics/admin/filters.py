"""Filters of the event log, each of which an index knows."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter
from unfold.contrib.filters.admin.text_filters import TextFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from analytics.models import Event
from analytics.selectors.events import list_recent_names
from common.clock import now


class NameFilter(DropdownFilter):
    """Events of one name."""

    title = "name"
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the names of late, and whichever is asked for."""
        asked = _plain(request.GET.get(self.parameter_name, ""))
        names = dict.fromkeys([*list_recent_names(now()), *([asked] if asked else [])])
        return [(name, name) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Keep that name's events."""
        value = _plain(self.value())
        return queryset.filter(name=value) if value else queryset


class CreatorFilter(TextFilter):
    """Events of one creator, by the whole id."""

    title = "creator (whole id)"
    parameter_name = "creator"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Keep that creator's events."""
        value = _plain(self.value())
        return queryset.filter(creator=value) if value else queryset


class _TimeForm(forms.Form):
    def __init__(self, values: dict[str, str | None]) -> None:
        super().__init__(data=values)
        for name, label in (("since", "From (UTC)"), ("until", "Until, not included (UTC)")):
            self.fields[name] = forms.CharField(
                label=label, required=False, widget=UnfoldAdminTextInputWidget({"type": "datetime-local"})
            )


class TimeFilter(admin.SimpleListFilter):
    """Events of a stretch of time, in UTC; a time that is none keeps nothing."""

    title = "time"
    parameter_name = "since"
    template = "unfold/filters/filters_field.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        until = params.pop("until", None)
        super().__init__(request, params, model, model_admin)
        if until is not None:
            self.used_parameters["until"] = until[-1]

    def has_output(self) -> bool:
        """Offer it always."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """Name both ends."""
        return ["since", "until"]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Any time will do."""
        return []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer both ends."""
        yield {"form": _TimeForm({name: self.used_parameters.get(name) for name in ("since", "until")})}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        """Keep what happened between."""
        for name, lookup in (("since", "occurred_at__gte"), ("until", "occurred_at__lt")):
            if text := _plain(self.used_parameters.get(name)):
                moment = _read(text)
                queryset = queryset.filter(**{lookup: moment}) if moment else queryset.none()
        return queryset


def _read(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None


def _plain(text: str | None) -> str:
    return (text or "").strip().replace("\x00", "")
