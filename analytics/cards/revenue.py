"""Creator earnings: by month, by category, by organization, and as it came in day by day."""

import datetime as dt
from itertools import groupby

from analytics.cards.words import DAYS, REVENUE, bars, money, name_month
from analytics.registry import Cell, Chart, Column, Content, Part, Scope, Series, card
from analytics.registry.names import EARNED_GROSS, EARNED_NET
from analytics.selectors.days import has_today, list_days, list_stretches, name_stretch
from analytics.selectors.ranking import list_by_organization
from analytics.selectors.revenue import Revenue, is_running, list_by_month, list_categories, list_months, sum_up
from common.money import divide_half_even

_WHOLE_MONTHS = "Earnings are known by the month: every month that these days touch is shown whole."


@card("earnings-by-month", title="Creator earnings by month", permission=REVENUE, page="revenue")
def by_month(scope: Scope) -> Content:
    """Show what was earned, month by month, the bars by category."""
    found = list_by_month(scope)
    columns = [
        Column("Month", "month"),
        Column("Gross", "money"),
        Column("Net", "money"),
        Column("Creators", "count"),
    ]
    months = list_months(scope, found)
    parts = [
        _months(total.currency, months, [row for row in found if row.currency == total.currency])
        for total in sum_up(found)
    ]
    return Content(columns, parts, _WHOLE_MONTHS)


def _months(currency: str, months: list[dt.date], rows: list[Revenue]) -> Part:
    totals = {row.month: row for row in rows if not row.category}
    by_place = {(row.category, row.month): row.gross_cents for row in rows if row.category}
    shown = [(name, title) for name, title in list_categories().items() if any((name, m) in by_place for m in months)]
    series = [Series(title, [by_place.get((name, month), 0) for month in months]) for name, title in shown]
    labels = [name_month(month) for month in months]
    table = [_month(currency, month, totals.get(month)) for month in reversed(months)]
    chart = Chart("bar", labels, series, currency, is_stacked=True, is_running=is_running(months))
    return Part(currency, table, chart)


def _month(currency: str, month: dt.date, total: Revenue | None) -> list[Cell]:
    if total is None:
        return [Cell(month), Cell(None, currency, instead="No earnings"), Cell(None, currency), Cell(0)]
    return [Cell(month), money(total.gross_cents, currency), money(total.net_cents, currency), Cell(total.creators)]


@card("earnings-by-category", title="Creator earnings by category", permission=REVENUE, page="revenue")
def by_category(scope: Scope) -> Content:
    """Show what the earnings consist of."""
    found = list_by_month(scope)
    columns = [Column("Category"), Column("Gross", "money"), Column("Net", "money"), Column("Share of gross")]
    return Content(columns, [_categories(total, found) for total in sum_up(found)], _WHOLE_MONTHS)


def _categories(total: Revenue, found: list[Revenue]) -> Part:
    titles = list_categories()
    mine = [row for row in found if row.category and row.currency == total.currency]
    sums: list[tuple[str, int, int]] = []
    for name in dict.fromkeys([*titles, *(row.category for row in mine)]):
        rows = [row for row in mine if row.category == name]
        if rows:
            sums.append((titles.get(name, name), sum(r.gross_cents for r in rows), sum(r.net_cents for r in rows)))
    sums.sort(key=lambda row: -row[1])
    table = [
        [Cell(title), money(gross, total.currency), money(net, total.currency), Cell(share(gross, total.gross_cents))]
        for title, gross, net in sums
    ]
    chart = bars([row[0] for row in sums], "Gross", [row[1] for row in sums], total.currency)
    return Part(total.currency, table, chart)


def share(part: int, whole: int) -> str:
    """Write a share in tenths of a percent, where there is a whole."""
    if whole <= 0:
        return "-"
    tenths = divide_half_even(part * 1000, whole)
    sign = "−" if tenths < 0 else ""
    return f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10} %"


@card("earnings-by-organization", title="Creator earnings by organization", permission=REVENUE, page="revenue")
def by_organization(scope: Scope) -> Content:
    """Show who earned most."""
    columns = [
        Column("Organization"),
        Column("Gross", "money"),
        Column("Net", "money"),
        Column("Creators in a month", "count"),
    ]
    if scope.creator:
        return Content(columns, empty="One creator belongs to one organization: choose fewer filters.")
    found = list_by_organization(scope)
    parts = [_organizations(currency, list(rows)) for currency, rows in groupby(found, lambda row: row.currency)]
    note = f"The first {scope.limit} are shown; an export has them all." if scope.limit else ""
    return Content(columns, parts, note if any(len(part.rows) == scope.limit for part in parts) else _WHOLE_MONTHS)


def _organizations(currency: str, rows: list[Revenue]) -> Part:
    table: list[list[Cell]] = [
        [
            Cell(row.organization_name, address=f"?organization={row.organization}"),
            money(row.gross_cents, currency),
            money(row.net_cents, currency),
            Cell(row.creators),
        ]
        for row in rows
    ]
    chart = bars([row.organization_name for row in rows], "Gross", [row.gross_cents for row in rows], currency)
    return Part(currency, table, chart)


@card("earned-by-day", title="Earned day by day", permission=DAYS, page="revenue")
def by_day(scope: Scope) -> Content:
    """Show by how much the month's earnings grew, as snapshots saw it."""
    columns = [Column(name_stretch(scope), "day"), Column("Gross", "money"), Column("Net", "money")]
    places: dict[str, dict[dt.date, dict[str, int]]] = {}
    for day in list_days(scope, [EARNED_GROSS, EARNED_NET]):
        place = places.setdefault(day.currency, {}).setdefault(day.day, {})
        place[day.metric] = place.get(day.metric, 0) + day.change
    stretches = list_stretches(scope)
    parts = [_growth(currency, stretches, places[currency], has_today(scope)) for currency in sorted(places)]
    note = "Seen by snapshots every six hours: what came in after the last of a month is in the month's earnings alone."
    return Content(columns, parts, note)


def _growth(currency: str, stretches: list[dt.date], days: dict[dt.date, dict[str, int]], is_last_open: bool) -> Part:
    table = [_day(currency, day, days.get(day)) for day in reversed(stretches)]
    labels = [f"{day:%Y-%m-%d}" for day in stretches]
    series = [
        Series(title, [days[day].get(name, 0) if day in days else None for day in stretches])
        for title, name in (("Gross", EARNED_GROSS), ("Net", EARNED_NET))
    ]
    return Part(currency, table, Chart("bar", labels, series, currency, is_running=is_last_open))


def _day(currency: str, day: dt.date, seen: dict[str, int] | None) -> list[Cell]:
    if seen is None:
        return [Cell(day), Cell(None, currency, instead="None seen"), Cell(None, currency)]
    return [Cell(day), money(seen.get(EARNED_GROSS, 0), currency), money(seen.get(EARNED_NET, 0), currency)]
