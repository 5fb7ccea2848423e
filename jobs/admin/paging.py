"""Pages of a run's items, found by index however many items there are: no counts, no offsets.

Each way of looking has an order that an index gives, unless somebody asks for another. A page is named by the item
before or after it.
"""

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from jobs.models import JobItem, JobRun

PAGE_SIZE = 50
_ENDED = (JobItem.Status.DONE, JobItem.Status.SKIPPED, JobItem.Status.FAILED, JobItem.Status.CANCELLED)
_SORTS = {"key": ("Key", ("key",)), "state": ("State", ("status", "id")), "step": ("Step", ("step", "id"))}
_LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class Heading:
    """A column's heading that sorts by it, and the other way round when it is pressed again."""

    title: str
    address: str
    direction: str


@dataclass(frozen=True)
class ItemQuery:
    """Which of a run's items somebody wants to see, and from where on."""

    status: str = ""
    step: str = ""
    key: str = ""
    sort: str = ""
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
            sort=sort if (sort := values.get("sort", "")).removeprefix("-") in _SORTS else "",
            after=_read_id(values.get("after", "")),
            before=_read_id(values.get("before", "")),
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.status or self.step or self.key)

    @property
    def crosses_states(self) -> bool:
        """Whether a step is looked for in whatever state."""
        return bool(self.step) and not self.status and not self.key and not self.sort

    @property
    def is_descending(self) -> bool:
        return self.sort.startswith("-")

    @property
    def headings(self) -> list[Heading]:
        """Return the headings of the columns that sort."""
        return [self._heading(name, title) for name, (title, _) in _SORTS.items()]

    def _heading(self, name: str, title: str) -> Heading:
        if self.sort.removeprefix("-") != name:
            return Heading(title, self.address(sort=name), "none")
        other = name if self.is_descending else f"-{name}"
        return Heading(title, self.address(sort=other), "descending" if self.is_descending else "ascending")

    def address(self, **changes: Any) -> str:
        """Write the query of another page of the same look."""
        values = {"status": self.status, "step": self.step, "q": self.key, "sort": self.sort, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value})

    @property
    def order(self) -> tuple[str, ...]:
        """Return the columns to go by: those that are asked for, else those of the index that serves this look."""
        if self.sort:
            return _SORTS[self.sort.removeprefix("-")][1]
        if self.crosses_states:
            return ("status", "id")
        if self.key or not self.status:
            return ("key",)
        return ("step", "id") if self.status in _ENDED and not self.step else ("id",)


@dataclass(frozen=True)
class ItemPage:
    """One page of items, with the addresses of its neighbours; empty where there is none."""

    items: list[JobItem]
    query: ItemQuery
    newer: str = ""
    older: str = ""


def find_page(run: JobRun, query: ItemQuery, size: int = PAGE_SIZE) -> ItemPage:
    """Find one page of a run's items."""
    backwards = query.before is not None
    place = query.before or query.after
    mark = run.items.filter(pk=place).first() if place else None
    downwards = backwards != query.is_descending
    order = [f"-{name}" for name in query.order] if downwards else list(query.order)
    rows, *others = (
        part.order_by(*order)[: size + 1] for part in _parts(_matching(run, query), query, mark, downwards)
    )
    found = list(rows.union(*others, all=True).order_by(*order)[: size + 1] if others else rows)
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


def _parts(rows: QuerySet[JobItem], query: ItemQuery, mark: JobItem | None, downwards: bool) -> list[QuerySet[JobItem]]:
    """Split what lies beyond an item into parts, each of which is one stretch of an index."""
    beyond = "lt" if downwards else "gt"
    if query.crosses_states:
        return [_of_state(rows, status, mark, beyond) for status in JobItem.Status.values]
    if mark is None:
        return [rows]
    *outer, last = query.order
    same = {name: getattr(mark, name) for name in outer}
    parts = [rows.filter(**same, **{f"{last}__{beyond}": getattr(mark, last)})]
    return parts + [rows.filter(**{f"{name}__{beyond}": value}) for name, value in same.items()]


def _of_state(rows: QuerySet[JobItem], status: str, mark: JobItem | None, beyond: str) -> QuerySet[JobItem]:
    found = rows.filter(status=status)
    if mark is None:
        return found
    if status == mark.status:
        return found.filter(**{f"id__{beyond}": mark.pk})
    return found if (status > mark.status) == (beyond == "gt") else found.none()


def _plain(text: str, longest: int) -> str:
    return text.strip().replace("\x00", "")[:longest]


def _read_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
