"""Creators: how many earn, and who earns most."""

import datetime as dt
from itertools import groupby

from analytics.cards.words import REVENUE, bars, money, name_month
from analytics.registry import Cell, Chart, Column, Content, Part, Scope, Series, card
from analytics.selectors.creators import describe_creators
from analytics.selectors.ranking import list_by_creator
from analytics.selectors.revenue import Revenue, is_running, list_by_month, list_months, sum_up
from common.money import divide_half_even


@card("creators-who-earn", title="Creators who earn", permission=REVENUE, page="creators")
def who_earn(scope: Scope) -> Content:
    """Count, month by month, the creators who earned anything, and what each earned on average."""
    found = [row for row in list_by_month(scope) if not row.category]
    months = list_months(scope, found)
    columns = [Column("Month", "month"), Column("Creators", "count"), Column("Gross a creator", "money")]
    parts = [
        _counts(total.currency, months, {row.month: row for row in found if row.currency == total.currency})
        for total in sum_up(found)
    ]
    return Content(columns, parts)


def _counts(currency: str, months: list[dt.date], by_month: dict[dt.date | None, Revenue]) -> Part:
    rows = [by_month.get(month, Revenue(currency, 0, 0, month=month)) for month in months]
    table = [
        [
            Cell(row.month),
            Cell(row.creators),
            Cell(divide_half_even(row.gross_cents, row.creators) if row.creators else None, currency),
        ]
        for row in reversed(rows)
    ]
    labels, series = [name_month(month) for month in months], Series("Creators", [row.creators for row in rows])
    return Part(currency, table, Chart("bar", labels, [series], is_running=is_running(months)))


@card("creators-by-earnings", title="Creators by earnings", permission=REVENUE, page="creators")
def by_earnings(scope: Scope) -> Content:
    """Show who earned most."""
    columns = [Column("Creator"), Column("Organization"), Column("Gross", "money"), Column("Net", "money")]
    found = list_by_creator(scope)
    parts = [_creators(currency, list(rows)) for currency, rows in groupby(found, lambda row: row.currency)]
    is_cut = scope.limit is not None and any(len(part.rows) == scope.limit for part in parts)
    return Content(columns, parts, f"The first {scope.limit} are shown; an export has them all." if is_cut else "")


def _creators(currency: str, rows: list[Revenue]) -> Part:
    named = describe_creators((row.provider, row.creator) for row in rows)
    names = [named[row.provider, row.creator] for row in rows]
    table = [
        [
            Cell(name.name, address=name.address),
            Cell(row.organization_name, address=f"?organization={row.organization}"),
            money(row.gross_cents, currency),
            money(row.net_cents, currency),
        ]
        for row, name in zip(rows, names, strict=True)
    ]
    chart = bars([name.name for name in names], "Gross", [row.gross_cents for row in rows], currency)
    return Part(currency, table, chart)
