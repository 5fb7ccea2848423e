"""Number series, each with the proof that it has no gap and no double."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from accounts.admin.pages import ReadOnlyAdmin, find, render, require
from billing.models import NumberSeries
from billing.selectors.series import get_series_report


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin):
    """The counters of invoice and credit note numbers."""

    list_display = ("name", "last")
    ordering = ("-year", "prefix")
    sortable_by = ()
    actions = None

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Check the series and show the verdict."""
        require(request, "billing.view_numberseries")
        series = find(NumberSeries, object_id)
        context = {"original": series, "report": get_series_report(series)}
        return render(self, request, "billing/admin/series.html", str(series), context)

    @display(description="Series")
    def name(self, series: NumberSeries) -> str:
        """Name the series."""
        return str(series)

    @display(description="Last number given")
    def last(self, series: NumberSeries) -> str:
        """Give the last number."""
        return f"{series}-{series.last_number:06}" if series.last_number else "None yet"
