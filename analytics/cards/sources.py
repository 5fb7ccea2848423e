"""Sources: when each was last read, and what was missing then."""

import datetime as dt

from django.urls import reverse

from analytics.cards.words import SNAPSHOTS
from analytics.registry import Cell, Column, Content, Part, Scope, card, list_sources
from analytics.selectors.snapshots import count_last_slots, list_last_changes

_NOTE = (
    "A source that is read in every slot, but of which no figure has changed for days, may be told nothing any more."
)


@card("sources", title="Sources", permission=SNAPSHOTS, order=900)
def sources(scope: Scope) -> Content:
    """Show the last slot of each source, whatever days are looked at."""
    columns = [
        Column("Source"),
        Column("Last slot (UTC)"),
        Column("Creators", "count"),
        Column("Incomplete", "count"),
        Column("Figures last changed", "day"),
    ]
    last, changes = count_last_slots(), list_last_changes()
    listed = reverse("admin:analytics_providersnapshot_changelist")
    rows = []
    for source in list_sources():
        slot_at, creators, incomplete = last.get(source.provider, (None, 0, 0))
        rows.append(
            [
                Cell(source.title, address=f"{listed}?provider={source.provider}"),
                Cell(f"{slot_at.astimezone(dt.UTC):%Y-%m-%d %H:%M}" if slot_at else "Never"),
                Cell(creators),
                Cell(incomplete),
                Cell(changes.get(source.provider), instead="Never"),
            ]
        )
    return Content(columns, [Part("", rows)] if rows else [], _NOTE, empty="No app has declared a source yet.")
