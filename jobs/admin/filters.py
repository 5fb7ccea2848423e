"""Filters of the run list."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from accounts.admin.filters import DayFilter
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


class StartDayFilter(DayFilter):
    """Runs started on one day."""

    column = "created_at"
    label = "By day started (UTC)"
