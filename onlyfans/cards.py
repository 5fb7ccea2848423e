"""What dashboards show of OnlyFans beside what every provider has."""

import datetime as dt

from analytics.registry import Cell, Chart, Column, Content, Part, Scope, Series, card
from analytics.registry.names import MESSAGES_RECEIVED, MESSAGES_SENT, REPLIES
from analytics.selectors.days import has_today, list_days, list_stretches, name_stretch

_PROVIDER = "onlyfans"
_SHOWN = {MESSAGES_SENT: "Sent", MESSAGES_RECEIVED: "Received", REPLIES: "Replies"}


@card("onlyfans-messages", title="OnlyFans: messages and replies", permission="analytics.view_metricday")
def messages(scope: Scope) -> Content:
    """Show how many messages went and came, and how many of them were answered."""
    places: dict[dt.date, dict[str, int]] = {}
    for day in list_days(scope, list(_SHOWN)):
        if day.provider == _PROVIDER:
            places.setdefault(day.day, {})[day.metric] = day.change
    columns = [Column(name_stretch(scope), "day"), *(Column(title, "count") for title in _SHOWN.values())]
    days = list_stretches(scope) if places else []
    rows = [_row(day, places.get(day)) for day in reversed(days)]
    series = [Series(title, [places.get(day, {}).get(name) for day in days]) for name, title in _SHOWN.items()]
    chart = Chart("line", [f"{day:%Y-%m-%d}" for day in days], series, is_running=has_today(scope))
    note = "As result files tell; a figure is the growth of the month's count between snapshots."
    return Content(columns, [Part("", rows, chart)] if rows else [], note)


def _row(day: dt.date, counted: dict[str, int] | None) -> list[Cell]:
    if counted is None:
        return [Cell(day), Cell(None, instead="Not counted"), *(Cell(None) for _ in list(_SHOWN)[1:])]
    return [Cell(day), *(Cell(counted.get(name)) for name in _SHOWN)]
