"""What the cards share."""

import datetime as dt
from collections.abc import Sequence

from analytics.registry import Cell, Chart, Series

REVENUE, DAYS, SNAPSHOTS = "analytics.view_revenuerollup", "analytics.view_metricday", "analytics.view_providersnapshot"
# A chart has room for so many bars; the table has the others.
BARS = 10
_LONGEST_LABEL = 24


def money(cents: int, currency: str) -> Cell:
    """Make the cell of an amount."""
    return Cell(cents, currency)


def name_month(month: dt.date) -> str:
    """Write a month for the axis of a chart."""
    return f"{month:%Y-%m}"


def shorten(name: str) -> str:
    """Cut a name to what fits below a bar."""
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def bars(names: Sequence[str], label: str, values: Sequence[int], currency: str = "") -> Chart:
    """Draw the largest of something."""
    labels = [shorten(name) for name in names[:BARS]]
    return Chart("bar", labels, [Series(label, values[:BARS])], currency)
