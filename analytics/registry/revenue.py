"""Where revenue comes from: an app declares, for a provider, the query that gives its truth."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

# A queryset of dictionaries: never fetched as it is, but summed up inside the database.
Rows = QuerySet[Any, Any]
FACT_COLUMNS = ("creator", "organization", "month", "category", "currency", "gross", "net")
CHANGE_COLUMNS = ("creator", "month")


@dataclass(frozen=True, slots=True)
class RevenueSource:
    """A provider's revenue.

    `facts` gives one row a creator, month, category and currency, with the columns of FACT_COLUMNS by `values_list`;
    `changes` gives the creators' months, with the columns of CHANGE_COLUMNS, of which anything was written since.
    """

    provider: str
    title: str
    categories: Mapping[str, str]
    facts: Callable[[], Rows]
    changes: Callable[[dt.datetime], Rows]


_SOURCES: dict[str, RevenueSource] = {}


def revenue_source(
    provider: str,
    *,
    title: str,
    categories: Mapping[str, str],
    facts: Callable[[], Rows],
    changes: Callable[[dt.datetime], Rows],
) -> RevenueSource:
    """Declare a provider's revenue; `categories` are titles by name, in the order in which people read them."""
    source = RevenueSource(provider, title, categories, facts, changes)
    known = _SOURCES.setdefault(provider, source)
    if known.facts is not facts:
        raise ValueError(f"Two sources of revenue are of {provider}")
    return known


def find_revenue_source(provider: str) -> RevenueSource | None:
    """Find a provider's revenue; None where nobody declares it."""
    return _SOURCES.get(provider)


def list_revenue_sources() -> Iterator[RevenueSource]:
    """Go through the declared sources by provider."""
    for provider in sorted(_SOURCES):
        yield _SOURCES[provider]
