"""What can be wrong, and what can happen: the conditions and kinds of events that apps declare.

An app declares its conditions in `checks.py`; its `ready()` imports that module, which fills this registry. A
condition is a callable that lists all that is true of it at the moment. It is called every twenty seconds, so it must
be one cheap query; it writes nothing and calls nobody outside.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

# What `alerts` itself finds: a condition whose check fails.
BROKEN_CHECK, _BROKEN_TITLE = "check-broken", "A condition can't be checked"
Severity = Literal["info", "warning", "error", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now: about what (`scope`, unique within its condition), and what to do about it.

    `link` is a path of this back office or a whole address. `since` is when it began, where that is known.
    `permission` is what pressing as the advice says takes; messages name the groups that have it. Title, detail and
    advice are for people: they name things, and hold no keys of rows. The scope does not appear in messages to people.
    """

    scope: str
    title: str
    detail: str = ""
    since: dt.datetime | None = None
    link: str = ""
    advice: str = ""
    count: int = 1
    permission: str = ""


Check = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Condition:
    """A declared condition: its findings become incidents, which end when they are no longer found."""

    name: str
    title: str
    severity: Severity
    check: Check


@dataclass(frozen=True, slots=True)
class EventKind:
    """A declared kind of event: something that happens and is over, like the end of a run.

    `outcomes` are the ways in which it can go, by name with a title: a rule can ask for some of them.
    """

    name: str
    title: str
    outcomes: tuple[tuple[str, str], ...] = ()


_CONDITIONS: dict[str, Condition] = {}
_EVENTS: dict[str, EventKind] = {}


def condition[C: Check](name: str, *, title: str, severity: Severity = "error") -> Callable[[C], C]:
    """Declare a condition; the tick opens one incident for each scope it finds, and resolves those no longer found."""

    def register(check: C) -> C:
        known = _CONDITIONS.get(name)
        if name in _EVENTS or (known and _place(known.check) != _place(check)):
            raise ValueError(f"Two conditions or events are named {name}")
        _CONDITIONS[name] = Condition(name, title, severity, check)
        return check

    return register


def _place(check: Check) -> tuple[str, str]:
    return getattr(check, "__module__", ""), getattr(check, "__qualname__", "")


def declare_event(name: str, *, title: str, outcomes: Iterable[tuple[str, str]] = ()) -> EventKind:
    """Declare a kind of event, for `alerts.services.publish_event` to tell of."""
    if name in _CONDITIONS:
        raise ValueError(f"Two conditions or events are named {name}")
    kind = _EVENTS[name] = EventKind(name, title, tuple(outcomes))
    return kind


def find_condition(name: str) -> Condition | None:
    """Find a declared condition; None where nobody declares it."""
    return _CONDITIONS.get(name)


def find_event(name: str) -> EventKind | None:
    """Find a declared kind of event; None where nobody declares it."""
    return _EVENTS.get(name)


def list_conditions() -> Iterator[Condition]:
    """Go through the declared conditions by name."""
    for name in sorted(_CONDITIONS):
        yield _CONDITIONS[name]


def list_events() -> Iterator[EventKind]:
    """Go through the declared kinds of events by name."""
    for name in sorted(_EVENTS):
        yield _EVENTS[name]


def get_title(name: str) -> str:
    """Return the title of a condition or kind of event, or its name where nobody declares it any more."""
    known = _CONDITIONS.get(name) or _EVENTS.get(name)
    return known.title if known else _BROKEN_TITLE if name == BROKEN_CHECK else name
