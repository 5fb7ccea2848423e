"""What dashboards show of OnlyFans beside what every provider has."""

import datetime as dt

from analytics.registry import Cell, Chart, Column, Content, Part, Scope, Series, card
from analytics.registry.names import MESSAGES_RECEIVED, MESSAGES_SENT, REPLIES
from analytics.selectors.days import list_days, name_stretch

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
    days = sorted(places)
    rows = [[Cell(day), *(Cell(places[day].get(name)) for name in _SHOWN)] for day in reversed(days)]
    series = [Series(title, [places[day].get(name) for day in days]) for name, title in _SHOWN.items()]
    chart = Chart("line", [f"{day:%Y-%m-%d}" for day in days], series)
    note = "As result files tell; a figure is the growth of the month's count between snapshots."
    return Content(columns, [Part("", rows, chart)] if rows else [], note)
