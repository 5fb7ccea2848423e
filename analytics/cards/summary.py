"""The overview's first card: what these days came to, beside as many days before them."""

import datetime as dt
from dataclasses import replace

from analytics.cards.words import DAYS, money
from analytics.registry import Cell, Column, Content, Part, Scope, card, find_metric, list_sources
from analytics.registry.names import EARNED_GROSS, EARNED_NET
from analytics.selectors.days import Day, list_days


@card("summary", title="These days, and as many before", permission=DAYS, order=0)
def summary(scope: Scope) -> Content:
    """Show what each metric grew by, and by how much in the days before."""
    names = list(dict.fromkeys([EARNED_GROSS, EARNED_NET, *(m.name for s in list_sources() for m in s.metrics)]))
    now, before = list_days(scope, names), list_days(_before(scope), names)
    lines = dict.fromkeys((day.provider, day.metric, day.currency) for day in [*now, *before])
    order = {name: place for place, name in enumerate(names)}
    rows = [_row(line, now, before) for line in sorted(lines, key=lambda line: (line[0], order[line[1]], line[2]))]
    columns = [
        Column("What"),
        Column("On the last day", "figure"),
        Column("Grew by", "figure"),
        Column("In the days before", "figure"),
    ]
    note = "As snapshots saw it. What counts up within a month starts over on its first day."
    return Content(columns, [Part("", rows)] if rows else [], note)


def _before(scope: Scope) -> Scope:
    last = scope.first_day - dt.timedelta(days=1)
    return replace(scope, first_day=scope.first_day - dt.timedelta(days=scope.days), last_day=last)


def _row(line: tuple[str, str, str], now: list[Day], before: list[Day]) -> list[Cell]:
    provider, name, currency = line
    metric = find_metric(provider, name)
    mine = [day for day in now if (day.provider, day.metric, day.currency) == line]
    former = [day for day in before if (day.provider, day.metric, day.currency) == line]
    return [
        Cell(f"{metric.title if metric else name}{f', {currency}' if currency else ''}"),
        money(mine[-1].closing, currency) if mine else Cell(None),
        money(sum(day.change for day in mine), currency) if mine else Cell(None),
        money(sum(day.change for day in former), currency) if former else Cell(None),
    ]
