"""What is kept for how long; each app declares its own when it is ready, and jobs those of the apps below.

Whoever deletes what is no longer kept goes through this registry and needs no app.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

_RETENTIONS: "dict[str, Retention]" = {}


@dataclass(frozen=True, slots=True)
class Retention:
    """How long something is kept: `days` after it ended, for ever without.

    `delete(before, limit)` deletes up to so many things that ended before an instant, in the caller's transaction, and
    returns how many. Without it something else deletes them, or nothing does; `reason` says which.
    """

    name: str
    title: str
    days: int | None
    reason: str
    delete: Callable[[dt.datetime, int], int] | None = None


def register_retention(retention: Retention) -> None:
    """Make a retention known. Raises ValueError where another has its name."""
    if _RETENTIONS.setdefault(retention.name, retention) != retention:
        raise ValueError(f"There are two retentions named {retention.name}.")


def list_retentions() -> list[Retention]:
    """List all retentions by name."""
    return [_RETENTIONS[name] for name in sorted(_RETENTIONS)]
