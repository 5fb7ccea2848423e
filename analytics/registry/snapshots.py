"""Where snapshots come from: an app declares a source a provider in its `snapshots.py`, which its `ready()` imports."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["count", "money"]
Span = Literal["gauge", "month"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a source measures of each creator; money is in cents and its name ends in `_cents`.

    A `gauge` is how many there are now; a `month` figure counts up from the first of the month and starts over.
    A change smaller than `jump_from` is never a jump.
    """

    name: str
    title: str
    kind: Kind = "count"
    span: Span = "gauge"
    jump_from: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source knows of one creator now: of each metric that it knows.

    `creator` is the provider's own id. `currency` is that of all money in it. `error` says in a sentence why
    metrics are missing that should be there.
    """

    creator: str
    organization_id: str | None
    metrics: Mapping[str, int]
    currency: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class CreatorName:
    """What people call a creator, and where the admin shows them."""

    creator: str
    name: str
    address: str = ""


# Reads the creators from `first` up to, and without, `before`; an empty `before` is no bound.
Read = Callable[[dt.datetime, str, str], Iterable[Reading]]
# Names the first creator of each batch of so many, in the order in which `Read` compares ids.
Split = Callable[[int], Iterable[str]]
# Names creators by their ids.
Describe = Callable[[Sequence[str]], Iterable[CreatorName]]
# Finds so many creators whose name or id begins with a text, of an organization or of all.
Search = Callable[[str, str | None, int], Iterable[CreatorName]]


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """A declared source: one provider, read in batches by ranges of ids."""

    provider: str
    title: str
    metrics: tuple[Metric, ...]
    read: Read
    split: Split
    describe: Describe
    search: Search
    by_name: Mapping[str, Metric] = field(repr=False, default_factory=dict)


_SOURCES: dict[str, SnapshotSource] = {}


def snapshot_source(
    provider: str, *, title: str, metrics: Sequence[Metric], split: Split, describe: Describe, search: Search
) -> Callable[[Read], Read]:
    """Declare where a provider's snapshots come from; the decorated callable reads a range of creators, set-based.

    It is called again after an error and for a slot that was read before, so it must change nothing.
    """
    names = [metric.name for metric in metrics]
    if len(set(names)) != len(names):
        raise ValueError(f"{provider} declares a metric twice")
    for metric in metrics:
        if (metric.kind == "money") != metric.name.endswith("_cents"):
            raise ValueError(f"{metric.name}: money is in cents and named so, and nothing else is")

    def register(read: Read) -> Read:
        known = _SOURCES.get(provider)
        if known and (known.read.__module__, known.read.__qualname__) != (read.__module__, read.__qualname__):
            raise ValueError(f"Two sources are of {provider}")
        by_name = {metric.name: metric for metric in metrics}
        _SOURCES[provider] = SnapshotSource(provider, title, tuple(metrics), read, split, describe, search, by_name)
        return read

    return register


def find_source(provider: str) -> SnapshotSource | None:
    """Find a provider's source; None where nobody declares it."""
    return _SOURCES.get(provider)


def find_metric(provider: str, name: str) -> Metric | None:
    """Find a metric's declaration; None where nobody declares it any more."""
    source = _SOURCES.get(provider)
    return source.by_name.get(name) if source else None


def list_sources() -> Iterator[SnapshotSource]:
    """Go through the declared sources by provider."""
    for provider in sorted(_SOURCES):
        yield _SOURCES[provider]
