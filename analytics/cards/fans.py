"""Fans: how many there are, and with whom."""

from itertools import groupby

from analytics.cards.words import DAYS, bars
from analytics.registry import Cell, Chart, Column, Content, Part, Scope, Series, card, find_source
from analytics.registry.names import FANS
from analytics.selectors.creators import describe_creators
from analytics.selectors.days import CreatorMetric, Day, list_days, name_stretch, rank_creators, split_lines


@card("fans-by-day", title="Fans", permission=DAYS, page="fans")
def by_day(scope: Scope) -> Content:
    """Show how many fans there were, and how many came and went."""
    columns = [
        Column(name_stretch(scope), "day"),
        Column("Fans", "count"),
        Column("Change", "count"),
        Column("Creators counted", "count"),
    ]
    parts = [_line(provider, days) for (provider, _, _), days in split_lines(list_days(scope, [FANS]))]
    return Content(columns, parts, "A change is counted between two snapshots: a new creator's first fans are none.")


def _line(provider: str, days: list[Day]) -> Part:
    table = [[Cell(row.day), Cell(row.closing), Cell(row.change), Cell(row.creators)] for row in reversed(days)]
    labels = [f"{row.day:%Y-%m-%d}" for row in days]
    return Part(title_of(provider), table, Chart("line", labels, [Series("Fans", [row.closing for row in days])]))


def title_of(provider: str) -> str:
    """Return what people call a provider."""
    source = find_source(provider)
    return source.title if source else provider


@card("fans-gained", title="Fans gained and lost", permission=DAYS, page="fans")
def gained(scope: Scope) -> Content:
    """Show by how much the number of fans changed."""
    columns = [Column(name_stretch(scope), "day"), Column("Change", "count")]
    return Content(
        columns, [_changes(provider, days) for (provider, _, _), days in split_lines(list_days(scope, [FANS]))]
    )


def _changes(provider: str, days: list[Day]) -> Part:
    table = [[Cell(row.day), Cell(row.change)] for row in reversed(days)]
    labels = [f"{row.day:%Y-%m-%d}" for row in days]
    return Part(title_of(provider), table, Chart("bar", labels, [Series("Change", [row.change for row in days])]))


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
