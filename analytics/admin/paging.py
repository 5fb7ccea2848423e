"""Pages of the event log, found by index however long it is: a page begins at an event, and nothing is counted."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Self

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.http import HttpRequest
from unfold.views import ChangeList

from analytics.models import Event

AFTER, BEFORE = "after", "before"
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


class EventPaginator(Paginator):  # type: ignore[type-arg]  # Django's class takes none at run time
    """The events of one page, with the addresses of its neighbours; empty where there is none."""

    template_name = "analytics/admin/pagination.html"
    newer = older = ""


class EventChangeList(ChangeList):
    """A list that never counts."""

    def get_filters_params(self, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave out where the page begins, which is no filter."""
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name not in {AFTER, BEFORE}}

    def get_results(self, request: HttpRequest) -> None:
        """Find the page that the address names."""
        after, before = (Place.read(request.GET.get(name, "")) for name in (AFTER, BEFORE))
        for name in (AFTER, BEFORE):
            # Another filter or search begins at the newest again.
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        page = find_page(self.queryset, self.list_per_page, after, before)
        self.paginator = EventPaginator(page.events, self.list_per_page)
        self.paginator.newer = self._address(BEFORE, page.newer)
        self.paginator.older = self._address(AFTER, page.older)
        self.result_list = page.events
        # Equal, the page says nothing of either.
        self.result_count = self.full_result_count = len(page.events)
        self.show_full_result_count = self.show_admin_actions = self.can_show_all = self.multi_page = False

    def _address(self, name: str, place: Place | None) -> str:
        return self.get_query_string({name: str(place)}, ["p"]) if place else ""
