"""Prove that no number of an invoice is missing and none was given twice."""

import sys
from typing import Any

from billing.models import NumberSeries
from billing.selectors.series import get_series_report, list_strays
from common.commands import OneLineCommand


class Command(OneLineCommand):
    """Prints one line a series; exit status 1 where one is broken."""

    help = "Check that the series of invoice numbers have no gap and no double."

    def handle(self, *args: Any, **options: Any) -> None:
        """Check every series."""
        reports = [get_series_report(series) for series in NumberSeries.objects.order_by("year", "prefix")]
        for report in reports:
            self.stdout.write(report.verdict)
        if strays := list_strays():
            self.stdout.write(f"Of no series: {', '.join(strays)}.")
        if not reports and not strays:
            self.stdout.write("No number was given yet.")
        if strays or not all(report.is_sound for report in reports):
            sys.exit(1)
