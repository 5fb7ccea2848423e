"""What dashboards show: cards, each a table with a chart beside it, declared by apps in their `cards.py`.

A card reads roll-ups and nothing else, so that it is quick however much lies beneath.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Page = Literal["overview", "revenue", "creators", "fans"]
PAGES: tuple[Page, ...] = ("overview", "revenue", "creators", "fans")


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody looks at: days from the first to the last, of all, of an organization or of one creator.

    `limit` is how many rows a list has room for; None asks for all of them, for an export.
    """

    first_day: dt.date
    last_day: dt.date
    organization: str = ""
    provider: str = ""
    creator: str = ""
    limit: int | None = 50

    @property
    def first_month(self) -> dt.date:
        return self.first_day.replace(day=1)

    @property
    def last_month(self) -> dt.date:
        return self.last_day.replace(day=1)

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: amounts of `money` are cents, in the currency that the row's cell says.

    A `figure` is a count in one row and an amount in another.
    """

    title: str
    kind: Literal["text", "count", "money", "figure", "day", "month"] = "text"

    @property
    def is_number(self) -> bool:
        return self.kind in {"count", "money", "figure"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One value: an amount in cents has its currency, a text may lead somewhere; None is not known.

    `instead` is what a page says where the value is None; in a file there is nothing.
    """

    value: str | int | dt.date | None
    currency: str = ""
    address: str = ""
    instead: str = "-"


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one colour of the bars: a value a label, in cents where the chart has a currency."""

    label: str
    values: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn; with a currency its values are cents in it, without one they are counts.

    `is_running` says that the last label is a period that is not over, of which only a part is counted so far.
    """

    kind: Literal["bar", "line"]
    labels: Sequence[str]
    series: Sequence[Series]
    currency: str = ""
    is_stacked: bool = False
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A chart with its rows beside it; amounts in several currencies are parts of their own."""

    title: str
    rows: Sequence[Sequence[Cell]]
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a card shows: parts with the same columns, and a sentence below them."""

    columns: Sequence[Column]
    parts: Sequence[Part] = field(default_factory=tuple)
    note: str = ""
    empty: str = "There is nothing to show for these days."


Make = Callable[[Scope], Content]


@dataclass(frozen=True, slots=True)
class Card:
    """A declared card: on which page it stands, and which permission it takes to see it."""

    name: str
    title: str
    page: Page
    permission: str
    make: Make
    order: int


_CARDS: dict[str, Card] = {}


def card(
    name: str, *, title: str, permission: str, page: Page = "overview", order: int = 100
) -> Callable[[Make], Make]:
    """Declare a card; `name` is a word for addresses and file names, unique over all apps.

    A page shows its cards by their `order`, and those of the same order as they were declared.
    """

    def register(make: Make) -> Make:
        known = _CARDS.get(name)
        if known and (known.make.__module__, known.make.__qualname__) != (make.__module__, make.__qualname__):
            raise ValueError(f"Two cards are named {name}")
        _CARDS[name] = Card(name, title, page, permission, make, order)
        return make

    return register


def find_card(name: str) -> Card | None:
    """Find a card; None where nobody declares it."""
    return _CARDS.get(name)


def list_cards(page: str) -> Iterator[Card]:
    """Go through a page's cards in their order."""
    return iter(sorted((one for one in _CARDS.values() if one.page == page), key=lambda one: one.order))
