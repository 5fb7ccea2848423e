"""A provider that tells what a test says, declared for one test."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from analytics.registry import CreatorName, Metric, Reading, SnapshotSource, snapshot_source, snapshots

METRICS = (
    Metric("fans", "Fans", jump_from=50),
    Metric("earned_cents", "Earned this month", kind="money", span="month", jump_from=10_000),
)


@dataclass
class Provider:
    """What the provider tells: readings by creator, or an error instead."""

    name: str = "elsewhere"
    readings: dict[str, Reading] = field(default_factory=dict)
    error: Exception | None = None
    asked: list[tuple[dt.datetime, str, str]] = field(default_factory=list)

    def tell(self, creator: str, organization: str | None = None, currency: str = "USD", **metrics: int) -> None:
        """Let the provider tell of a creator."""
        self.readings[creator] = Reading(creator, organization, metrics, currency)

    def read(self, slot_at: dt.datetime, first: str, before: str) -> Iterator[Reading]:
        """Answer, or fail."""
        self.asked.append((slot_at, first, before))
        if self.error:
            raise self.error
        for creator, reading in sorted(self.readings.items()):
            if creator >= first and (not before or creator < before):
                yield reading

    def split(self, size: int) -> list[str]:
        """Cut into ranges."""
        return ["", *sorted(self.readings)[size::size]] if self.readings else [""]

    @property
    def source(self) -> SnapshotSource:
        """The declaration."""
        return snapshots._SOURCES[self.name]


@contextmanager
def declared(*providers: Provider) -> Iterator[None]:
    """Declare these providers and no others, for a while."""
    before = dict(snapshots._SOURCES)
    snapshots._SOURCES.clear()
    for provider in providers:
        snapshot_source(
            provider.name,
            title=provider.name.title(),
            metrics=METRICS,
            split=provider.split,
            describe=lambda creators: (CreatorName(one, one.title()) for one in creators),
            search=lambda text, organization, limit: (),
        )(provider.read)
    try:
        yield
    finally:
        snapshots._SOURCES.clear()
        snapshots._SOURCES.update(before)
