"""Who takes in the tables of the former system: an app declares an importer, and the import hands it the records.

Records of a table that nobody declares an importer for are kept, whole and encrypted, until somebody does.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# The tables of the former system, without their prefix.
TABLES = {
    "users": "Users and organizations",
    "oauth-tokens": "OAuth tokens",
    "of-aggregates": "OnlyFans aggregates",
    "of-threads": "OnlyFans threads",
    "of-messages": "OnlyFans messages",
    "analytics-events": "Analytics events",
    "stripe-events": "Stripe events",
}


class Verdict(enum.StrEnum):
    """What became of a record."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    # It waits: for an importer, or for what it belongs to.
    KEPT = "kept"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a table: its key as text, and its attributes; numbers are int or Decimal, never float."""

    key: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a record; for one that was rejected, each attribute's fault."""

    verdict: Verdict
    reasons: Mapping[str, str] = field(default_factory=dict)


# Takes records in, in the caller's transaction, and tells of each what became of it, in their order. It must be
# idempotent: the same records may come again. What it raises counts against the one record that it was called with.
Take = Callable[[Sequence[Record]], Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Importer:
    """Who takes a table in; unless `keeps` is off, each record is kept whole beside what is made of it."""

    table: str
    take: Take
    keeps: bool = True


_IMPORTERS: dict[str, Importer] = {}


def importer(table: str, *, keeps: bool = True) -> Callable[[Take], Take]:
    """Declare who takes a table in; ValueError for a table that there is not, or that somebody takes already."""

    def register(take: Take) -> Take:
        known = _IMPORTERS.get(table)
        if table not in TABLES or (known and known.take is not take):
            raise ValueError(f"There is no table {table} to be taken in, or somebody takes it in already.")
        _IMPORTERS[table] = Importer(table, take, keeps)
        return take

    return register


def find_importer(table: str) -> Importer | None:
    """Find who takes a table in; None where nobody does yet."""
    return _IMPORTERS.get(table)
