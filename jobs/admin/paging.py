"""Pages of a run's items, found by index however many items there are: no counts, no offsets.

Each way of looking has an order that an index gives. A page is named by the item before or after it.
"""

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from jobs.models import JobItem, JobRun

PAGE_SIZE = 50
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class ItemQuery:
    """Which of a run's items somebody wants to see, and from where on."""

    status: str = ""
    step: str = ""
    key: str = ""
    after: int | None = None
    before: int | None = None

    @classmethod
    def read(cls, values: QueryDict) -> Self:
        """Read the address's query; what is nonsense counts as not given."""
        status = values.get("status", "")
        return cls(
            status=status if status in JobItem.Status.values else "",
            step=_plain(values.get("step", ""), 32),
            key=_plain(values.get("q", ""), 200),
            after=_read_id(values.get("after", "")),
            before=_read_id(values.get("before", "")),
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.status or self.step or self.key)

    def address(self, **changes: Any) -> str:
        """Write the query of another page of the same look."""
        values = {"status": self.status, "step": self.step, "q": self.key, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @property
    def order(self) -> tuple[str, ...]:
        """Return the columns to go by: those of the index that serves this look."""
        if self.key or not self.status:
            return ("key",)
        return ("step", "id") if self.status == JobItem.Status.FAILED and not self.step else ("id",)


@dataclass(frozen=True)
class ItemPage:
    """One page of items, with the addresses of its neighbours; empty where there is none."""

    items: list[JobItem]
    query: ItemQuery
    newer: str = ""
    older: str = ""


def find_page(run: JobRun, query: ItemQuery, size: int = PAGE_SIZE) -> ItemPage:
    """Find one page of a run's items."""
    rows = _matching(run, query)
    backwards = query.before is not None
    place = query.before or query.after
    mark = run.items.filter(pk=place).first() if place else None
    if mark:
        rows = rows.filter(_beyond(query.order, mark, backwards))
    order = [f"-{name}" for name in query.order] if backwards else query.order
    found = list(rows.order_by(*order)[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_earlier, has_later = (more, mark is not None) if backwards else (mark is not None, more)
    return ItemPage(
        found,
        query,
        newer=query.address(before=found[0].pk) if found and has_earlier else "",
        older=query.address(after=found[-1].pk) if found and has_later else "",
    )


def _matching(run: JobRun, query: ItemQuery) -> QuerySet[JobItem]:
    rows = run.items.all()
    if query.status:
        rows = rows.filter(status=query.status)
    if query.step:
        rows = rows.filter(step=query.step)
    if query.key:
        # Bounds that an index understands, whatever the operator class; the prefix makes it exact.
        rows = rows.filter(key__gte=query.key, key__lte=query.key + _LAST_CHARACTER, key__startswith=query.key)
    return rows


def _beyond(order: tuple[str, ...], mark: JobItem, backwards: bool) -> Q:
    """Select what comes after (or before) an item; the first bound is what an index starts from."""
    strict, loose = ("lt", "lte") if backwards else ("gt", "gte")
    first, *rest = order
    value = getattr(mark, first)
    if not rest:
        return Q(**{f"{first}__{strict}": value})
    within = Q(**{first: value}) & _beyond(tuple(rest), mark, backwards)
    return Q(**{f"{first}__{loose}": value}) & (Q(**{f"{first}__{strict}": value}) | within)


def _plain(text: str, longest: int) -> str:
    return text.strip().replace("\x00", "")[:longest]


def _read_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
