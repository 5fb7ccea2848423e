"""Fans: how many there are, and with whom."""

import datetime as dt
from itertools import groupby

from analytics.cards.words import DAYS, bars
from analytics.registry import Cell, Chart, Column, Content, Part, Scope, Series, card, find_source
from analytics.registry.names import FANS
from analytics.selectors.creators import describe_creators
from analytics.selectors.days import (
    CreatorMetric,
    Day,
    has_today,
    list_days,
    list_stretches,
    name_stretch,
    rank_creators,
    split_lines,
)


@card("fans-by-day", title="Fans", permission=DAYS, page="fans")
def by_day(scope: Scope) -> Content:
    """Show how many fans there were, and how many came and went."""
    columns = [
        Column(name_stretch(scope), "day"),
        Column("Fans", "count"),
        Column("Change", "count"),
        Column("Creators counted", "count"),
    ]
    stretches = list_stretches(scope)
    parts = [_line(provider, stretches, days) for (provider, _, _), days in split_lines(list_days(scope, [FANS]))]
    return Content(columns, parts, "A change is counted between two snapshots: a new creator's first fans are none.")


def _line(provider: str, stretches: list[dt.date], days: list[Day]) -> Part:
    by_day = {row.day: row for row in days}
    rows = [by_day.get(day) for day in stretches]
    table = [_counted(day, row) for day, row in zip(reversed(stretches), reversed(rows), strict=True)]
    labels = [f"{day:%Y-%m-%d}" for day in stretches]
    series = Series("Fans", [row.closing if row else None for row in rows])
    return Part(title_of(provider), table, Chart("line", labels, [series]))


def _counted(day: dt.date, row: Day | None) -> list[Cell]:
    if row is None:
        return [Cell(day), Cell(None, instead="Not counted"), Cell(None), Cell(0)]
    return [Cell(day), Cell(row.closing), Cell(row.change), Cell(row.creators)]


def title_of(provider: str) -> str:
    """Return what people call a provider."""
    source = find_source(provider)
    return source.title if source else provider


@card("fans-gained", title="Fans gained and lost", permission=DAYS, page="fans")
def gained(scope: Scope) -> Content:
    """Show by how much the number of fans changed."""
    columns = [Column(name_stretch(scope), "day"), Column("Change", "count")]
    stretches = list_stretches(scope)
    parts = [
        _changes(provider, stretches, days, has_today(scope))
        for (provider, _, _), days in split_lines(list_days(scope, [FANS]))
    ]
    return Content(columns, parts)


def _changes(provider: str, stretches: list[dt.date], days: list[Day], is_last_open: bool) -> Part:
    by_day = {row.day: row.change for row in days}
    table = [[Cell(day), Cell(by_day.get(day), instead="Not counted")] for day in reversed(stretches)]
    labels = [f"{day:%Y-%m-%d}" for day in stretches]
    series = Series("Change", [by_day.get(day) for day in stretches])
    return Part(title_of(provider), table, Chart("bar", labels, [series], is_running=is_last_open))


@card("creators-by-fans", title="Creators by fans", permission=DAYS, page="fans")
def by_creator(scope: Scope) -> Content:
    """Show who has most fans on the last of the days."""
    columns = [Column("Creator"), Column("Organization"), Column("Fans", "count"), Column("Change", "count")]
    found = sorted(rank_creators(scope, FANS), key=lambda row: row.provider)
    parts = [_creators(provider, list(rows)) for provider, rows in groupby(found, lambda row: row.provider)]
    is_cut = scope.limit is not None and len(found) == scope.limit
    return Content(columns, parts, f"The first {scope.limit} are shown; an export has them all." if is_cut else "")


def _creators(provider: str, rows: list[CreatorMetric]) -> Part:
    named = describe_creators((row.provider, row.creator) for row in rows)
    names = [named[row.provider, row.creator] for row in rows]
    table = [
        [
            Cell(name.name, address=name.address),
            Cell(row.organization_name, address=f"?organization={row.organization}" if row.organization else ""),
            Cell(row.closing),
            Cell(row.change),
        ]
        for row, name in zip(rows, names, strict=True)
    ]
    return Part(title_of(provider), table, bars([name.name for name in names], "Fans", [row.closing for row in rows]))
