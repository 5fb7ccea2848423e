"""Pages of the event log, found by index however long it is: a page begins at an event, and nothing is counted."""

import datetime as dt
from dataclasses import dataclass
from typing import Self

from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan

from accounts.admin.paging import KeysetChangeList, KeysetPage
from analytics.models import Event

_PLACE = ("occurred_at", "id")
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Place:
    """Where in the log an event stands, by which a page is named."""

    occurred_at: dt.datetime
    id: int

    @classmethod
    def of(cls, event: Event) -> Self:
        """Name an event's place."""
        return cls(event.occurred_at, event.pk)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read what `str` writes; None where it is nonsense."""
        instant, _, number = text.partition("~")
        if not (number.isascii() and number.isdigit() and len(number) < 20):
            return None
        try:
            moment = dt.datetime.fromisoformat(instant).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            return None
        return cls(moment, min(int(number), _LARGEST_ID))

    def __str__(self) -> str:
        return f"{self.occurred_at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%S.%f}Z~{self.id}"


@dataclass(frozen=True)
class Page:
    """One page of events, the newest first, and the places of its neighbours where there are any."""

    events: list[Event]
    newer: Place | None
    older: Place | None


def find_page(events: QuerySet[Event], size: int, after: Place | None, before: Place | None) -> Page:
    """Find the events just older than a place, or just newer than one, or the newest of all."""
    # The plain bound beside the exact one lets PostgreSQL leave out partitions.
    if before and not after:
        events = events.filter(TupleGreaterThan(Tuple(*_PLACE), (before.occurred_at, before.id)))
        found = list(events.filter(occurred_at__gte=before.occurred_at).order_by(*_PLACE)[: size + 1])
    else:
        if after:
            events = events.filter(TupleLessThan(Tuple(*_PLACE), (after.occurred_at, after.id)))
            events = events.filter(occurred_at__lte=after.occurred_at)
        found = list(events.order_by(*(f"-{name}" for name in _PLACE))[: size + 1])
    more, found = len(found) > size, found[:size]
    came_back = bool(before and not after)
    if came_back:
        found.reverse()
    if not found:
        return Page([], None, None)
    has_newer, has_older = (more, True) if came_back else (after is not None, more)
    return Page(found, Place.of(found[0]) if has_newer else None, Place.of(found[-1]) if has_older else None)


class EventChangeList(KeysetChangeList):
    """A list that never counts."""

    def find_page(self, rows: QuerySet[Event], after: str, before: str) -> KeysetPage:
        """Find a page by the places that the address names."""
        page = find_page(rows, self.list_per_page, Place.read(after), Place.read(before))
        return KeysetPage(page.events, str(page.newer or ""), str(page.older or ""))
