"""Filters of the run list."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from jobs.models import JobRun
from jobs.registry import list_jobs


class JobFilter(DropdownFilter):
    """Runs of one job."""

    title = "job"
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the declared jobs."""
        return [(job.name, job.title) for job in list_jobs()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> QuerySet[JobRun]:
        """Keep that job's runs."""
        return queryset.filter(job=self.value()) if self.value() else queryset


class DryRunFilter(DropdownFilter):
    """Dry runs, or the others."""

    title = "dry run"
    parameter_name = "dry_run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer both."""
        return [("no", "Real runs"), ("yes", "Dry runs")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> QuerySet[JobRun]:
        """Keep the wanted kind."""
        wanted = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(dry_run=wanted)


class _DayForm(forms.Form):
    def __init__(self, name: str, value: str | None) -> None:
        super().__init__(data={name: value})
        self.fields[name] = forms.DateField(
            label="By day started (UTC)", required=False, widget=UnfoldAdminTextInputWidget({"type": "date"})
        )


class DayFilter(admin.SimpleListFilter):
    """Runs started on one day, in UTC."""

    title = "day"
    parameter_name = "day"
    template = "unfold/filters/filters_field.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Any day will do; the list only has to be there."""
        return [("", "Any day")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer a date field."""
        yield {"form": _DayForm("day", self.value())}

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobRun]) -> QuerySet[JobRun]:
        """Keep the day's runs; a day that is none keeps nothing."""
        if not self.value():
            return queryset
        try:
            start = dt.datetime.strptime(str(self.value()), "%Y-%m-%d").replace(tzinfo=dt.UTC)
        except ValueError:
            return queryset.none()
        return queryset.filter(created_at__gte=start, created_at__lt=start + dt.timedelta(days=1))
