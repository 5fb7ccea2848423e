"""Cards as the page shows them: charts as the theme's Chart.js wants them, values as people read them."""

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from analytics.registry import Cell, Chart, Column, Content, Series
from common.money import format_money, minor_digits

# Told apart in both themes, and by people who see colours differently.
_COLOURS = ("#7c3aed", "#0ea5e9", "#f59e0b", "#10b981", "#ec4899", "#64748b", "#ef4444", "#84cc16")
_TICKS = "#9ca3af"
# Appended to a colour: how much of it a bar has whose period is not over.
_PALE = "66"


@dataclass(frozen=True)
class ShownCell:
    """A value in words."""

    text: str
    address: str
    is_number: bool
    is_day: bool


@dataclass(frozen=True)
class Drawing:
    """A chart's data and options, as JSON."""

    kind: str
    data: str
    options: str


@dataclass(frozen=True)
class ShownPart:
    """A chart with its rows."""

    title: str
    drawing: Drawing | None
    rows: list[list[ShownCell]]


def show_parts(content: Content, query: str) -> list[ShownPart]:
    """Write a card's parts; links that only change a filter keep the others, which `query` says."""
    return [
        ShownPart(
            part.title,
            draw(part.chart) if part.chart else None,
            [
                [_show(cell, column, query) for cell, column in zip(row, content.columns, strict=True)]
                for row in part.rows
            ],
        )
        for part in content.parts
    ]


def _show(cell: Cell, column: Column, query: str) -> ShownCell:
    address = f"{cell.address}&{query}" if cell.address.startswith("?") and query else cell.address
    return ShownCell(_write(cell, column), address, column.is_number, column.kind in {"day", "month"})


def _write(cell: Cell, column: Column) -> str:
    value = cell.value
    if value is None:
        return cell.instead
    if isinstance(value, int):
        return format_money(value, cell.currency) if cell.currency else f"{value:,}"
    if isinstance(value, dt.date):
        return f"{value:%Y-%m}" if column.kind == "month" else f"{value:%Y-%m-%d}"
    return value


def draw(chart: Chart) -> Drawing:
    """Describe a chart to Chart.js; amounts are in the currency's major unit."""
    scale = -minor_digits(chart.currency) if chart.currency else 0
    datasets = [
        {
            "label": series.label,
            "data": [None if value is None else str(Decimal(value).scaleb(scale)) for value in _values(chart, series)],
            **_style(chart, place, has_gaps=None in series.values),
        }
        for place, series in enumerate(chart.series)
    ]
    return Drawing(
        chart.kind,
        json.dumps({"labels": _labels(chart), "datasets": datasets}, ensure_ascii=False),
        json.dumps(_options(chart)),
    )


def _labels(chart: Chart) -> list[str]:
    if not chart.is_running:
        return list(chart.labels)
    *whole, last = chart.labels
    return [*whole, f"{last} so far"]


def _values(chart: Chart, series: Series) -> list[int | None]:
    """Return what is drawn: a line ends with the last whole period, and a bar of nothing so far is left out."""
    if not chart.is_running:
        return list(series.values)
    *whole, last = series.values
    return [*whole, last if last and chart.kind == "bar" else None]


def _style(chart: Chart, place: int, *, has_gaps: bool) -> dict[str, Any]:
    colour = _COLOURS[place % len(_COLOURS)]
    if chart.kind == "line":
        # A point between two gaps has no line that would show it.
        radius = 2 if has_gaps or len(chart.labels) == 1 else 0
        style = {"borderColor": colour, "backgroundColor": colour, "borderWidth": 2, "tension": 0.2}
        return {**style, "pointRadius": radius}
    bars = [colour] * (len(chart.labels) - 1) + [colour + _PALE] if chart.is_running else colour
    return {"backgroundColor": bars, "borderRadius": 2, "maxBarThickness": 40}


def _options(chart: Chart) -> dict[str, Any]:
    has_legend = len(chart.series) > 1
    return {
        "animation": False,
        "maintainAspectRatio": False,
        "responsive": True,
        "interaction": {"mode": "index", "intersect": False},
        "plugins": {
            "legend": {
                "display": has_legend,
                "position": "bottom",
                "labels": {"boxWidth": 10, "boxHeight": 10, "color": _TICKS},
            }
        },
        "scales": {
            "x": {
                "stacked": chart.is_stacked,
                "grid": {"display": False},
                "ticks": {"color": _TICKS, "maxRotation": 60, "autoSkip": True, "maxTicksLimit": 12},
            },
            "y": {
                "stacked": chart.is_stacked,
                "beginAtZero": chart.kind == "bar",
                "grid": {},
                "border": {"display": False},
                # Nobody counts in halves.
                "ticks": {"color": _TICKS, "maxTicksLimit": 6, **({} if chart.currency else {"precision": 0})},
            },
        },
    }
