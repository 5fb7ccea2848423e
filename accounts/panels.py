"""Panels: what a higher app shows on the admin page of something that a lower app owns.

An app registers its panels in its `ready()`; the page asks for them by the kind of thing it shows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.http import HttpRequest


@dataclass(frozen=True)
class Cell:
    """One cell of a panel's table; `tone` makes a coloured label of it: success, warning, danger, info or neutral."""

    text: str
    url: str = ""
    tone: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Panel:
    """A titled table; `action` is a (label, address) shown beside the title, `template` replaces the table."""

    title: str
    headers: Sequence[str | Cell] = ()
    rows: Sequence[Sequence[str | Cell]] = ()
    empty: str = "Nothing yet."
    note: str = ""
    action: tuple[str, str] | None = None
    template: str = "accounts/panel_table.html"
    context: dict[str, Any] = field(default_factory=dict)


# Makes the panel for one thing; None where this member of staff may not see it.
MakePanel = Callable[[HttpRequest, Any], Panel | None]

_MAKERS: dict[type[Model], list[MakePanel]] = {}


def add_panel(model: type[Model], make: MakePanel) -> None:
    """Show a panel on the admin page of each thing of a kind, below those added before."""
    makers = _MAKERS.setdefault(model, [])
    if make not in makers:
        makers.append(make)


def list_panels(request: HttpRequest, thing: Model) -> list[Panel]:
    """Make the panels of one thing for whoever asks."""
    return [panel for make in _MAKERS.get(type(thing), []) if (panel := make(request, thing))]
