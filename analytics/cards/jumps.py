"""Jumps: changes out of all proportion."""

import datetime as dt

from django.urls import reverse

from analytics.cards.words import SNAPSHOTS
from analytics.models import ProviderSnapshot
from analytics.registry import Cell, Column, Content, Part, Scope, card, find_metric
from analytics.selectors.creators import describe_creators
from analytics.selectors.snapshots import list_jumps

_NOTE = (
    "A jump is a change since the slot before that is at least five times as large as this creator's usual one (the "
    "average of the last 28 slots, and after a gap so many times that), and as large as the metric asks for."
)


@card("jumps", title="What jumped", permission=SNAPSHOTS, order=10)
def jumps(scope: Scope) -> Content:
    """List what changed out of all proportion, the newest first."""
    found = list_jumps(scope)
    named = describe_creators({(row.provider, row.creator) for row in found})
    rows = [
        _row(row, named[row.provider, row.creator].name, name, jump)
        for row in found
        for name, jump in sorted(row.jumps.items())
    ]
    columns = [
        Column("Slot (UTC)"),
        Column("Creator"),
        Column("What"),
        Column("Change", "figure"),
        Column("Usual change", "figure"),
    ]
    return Content(columns, [Part("", rows)] if rows else [], _NOTE, "Nothing jumped within these days.")


def _row(row: ProviderSnapshot, creator: str, name: str, jump: dict[str, int]) -> list[Cell]:
    metric = find_metric(row.provider, name)
    currency = row.currency if metric and metric.kind == "money" else ""
    address = reverse("admin:analytics_providersnapshot_change", args=[row.pk])
    return [
        Cell(f"{row.slot_at.astimezone(dt.UTC):%Y-%m-%d %H:%M}", address=address),
        Cell(creator),
        Cell(metric.title if metric else name),
        Cell(jump["change"], currency),
        Cell(jump["usual"], currency),
    ]
