"""A second provider for the driver's snapshots, and snapshots as somebody in a hurry would take them."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics.registry import Reading
    from jobs.engine.context import Context

CARELESS, OTHER = "careless-snapshots", "elsewhere"


def declare() -> None:
    """Declare a provider who has the same creators as OnlyFans, each with twice the fans, and the careless job."""
    from analytics.registry import Metric, Reading, snapshot_source
    from onlyfans.snapshots import describe_creators, read_creators, search_creators, split_creators

    @snapshot_source(
        OTHER,
        title="Elsewhere",
        metrics=[Metric("fans", "Fans")],
        split=split_creators,
        describe=describe_creators,
        search=search_creators,
    )
    def read_others(slot_at: dt.datetime, first: str, before: str) -> "Iterator[Reading]":
        for one in read_creators(slot_at, first, before):
            fans = {"fans": 2 * one.metrics["fans"]} if "fans" in one.metrics else {}
            yield Reading(one.creator, one.organization_id, fans)

    declare_careless()


def declare_careless() -> None:
    """Declare the job that is careless."""
    from analytics.jobs import AnalyticsSnapshots
    from jobs.registry import job

    @job(CARELESS, title="Careless snapshots", queue="analytics", batch_size=1)
    class CarelessSnapshots(AnalyticsSnapshots):
        """Writes each row for itself, marks the day afterwards, and leaves alone what is there already."""

        def process(self, keys: Sequence[str], context: "Context") -> None:
            """Take the snapshots of some ranges."""
            for key in keys:
                provider, first, before = json.loads(key)
                _take_carelessly(provider, first, before, self.params.slot)


def _take_carelessly(provider: str, first: str, before: str, slot_at: dt.datetime) -> None:
    from analytics.models import ProviderSnapshot
    from analytics.registry import find_source
    from analytics.services.stale import mark_stale

    source = find_source(provider)
    assert source
    rows = ProviderSnapshot.objects.filter(provider=provider)
    is_new = False
    for reading in source.read(slot_at, first, before):
        former = rows.filter(creator=reading.creator, slot_at__lt=slot_at).order_by("-slot_at").first()
        known = former.metrics if former else {}
        values = {
            "organization_id": reading.organization_id,
            "metrics": dict(reading.metrics),
            "deltas": {name: value - known[name] for name, value in reading.metrics.items() if name in known},
            "read_at": slot_at,
        }
        is_new |= rows.get_or_create(provider=provider, creator=reading.creator, slot_at=slot_at, defaults=values)[1]
    if is_new:
        mark_stale(provider, {slot_at.date()})
