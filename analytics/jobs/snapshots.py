"""Snapshots, every six hours."""

import datetime as dt
import json
import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from django.db import transaction
from pydantic import AwareDatetime, Field

from analytics.models import slot_of
from analytics.registry import SnapshotSource, find_source, list_sources
from analytics.selectors.snapshots import summarize_slot
from analytics.services.snapshots import take_snapshots
from common.clock import iso, now
from common.errors import Permanent
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job, JobParams, get_job, job
from jobs.services import read_params, start

logger = logging.getLogger(__name__)
# Creators an item: few enough for a second or two of work, many enough that 100,000 of them are a hundred items.
CREATORS_AT_ONCE = 1_000
_OLDEST = dt.timedelta(days=1)


@job(
    "analytics-snapshots",
    title="Analytics snapshots",
    schedule="0 */6 * * *",
    overlap="forbid",
    queue="analytics",
    batch_size=1,
    http=True,
)
class AnalyticsSnapshots(Job):
    """Asks every source for the figures of its creators, once a slot of six hours, and compares them with before."""

    class Params(JobParams):
        """`slot` is any instant within the slot; a slot that is over is completed, not read anew."""

        slot: AwareDatetime = Field(default_factory=now, description="An instant in the slot, in UTC; now unless told.")

    summary_order = ("slot", "snapshots", "incomplete", "jumps")

    @classmethod
    def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
        """Ask for the slot that the due time falls into."""
        return {"slot": slot_of(slot_at)}

    def check(self) -> dict[str, str]:
        """Refuse slots of which nothing can be known: those to come, and those long gone."""
        # In this order: an instant at the ends of the calendar has no slot.
        if now() - self.params.slot > _OLDEST:
            return {"slot": "What stood there more than a day ago can't be read any more."}
        if self.params.slot - now() > _OLDEST or slot_of(self.params.slot) > now():
            return {"slot": "That slot has not begun."}
        return {}

    def overlap_scope(self) -> str:
        """Let one run at a time take a slot."""
        return iso(slot_of(self.params.slot))

    def keys(self) -> Iterator[str]:
        """Expect, of each source, its creators in ranges: a source that can't say them is expected as a whole."""
        for source in list_sources():
            yield from list_ranges(source)

    def process(self, keys: Sequence[str], context: Context) -> None:
        """Take the snapshots of some ranges."""
        slot_at = slot_of(self.params.slot)
        for key in keys:
            provider, first, before = json.loads(key)
            source = find_source(provider)
            if source is None:
                raise Permanent(f"Nobody declares {provider} any more.")
            taken = take_snapshots(source, slot_at, first, before, now())
            context.note(
                key,
                creators=taken.creators,
                written=taken.written,
                incomplete=taken.incomplete,
                jumps=taken.jumps,
            )

    def summarize(self, run: JobRun) -> dict[str, Any]:
        """Say what the slot holds now."""
        return summarize_slot(slot_of(self.params.slot))

    def finish(self, run: JobRun) -> None:
        """Let dashboards show the slot, and compare all that they show with the truth."""
        rollups = get_job("analytics-rollups")
        start(rollups, read_params(rollups, {"compare": True}), JobRun.Trigger.JOB, slot=f"run {run.pk}", parent=run)

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Name the source, and from which creator on."""
        return {key: _name(*json.loads(key)) for key in keys}


def list_ranges(source: SnapshotSource) -> list[str]:
    """Cut a source's creators into ranges of ids, each of which is an item's key."""
    try:
        with transaction.atomic():
            bounds = list(source.split(CREATORS_AT_ONCE))
    except Exception as error:
        # Read as a whole, it fails as an item, where its error is seen, tried again and told, and the others go on.
        logger.warning("%s can't say which creators it has (%s)", source.provider, type(error).__name__)
        bounds = [""]
    return [json.dumps([source.provider, first, before]) for first, before in pairwise([*bounds, ""])]


def _name(provider: str, first: str, before: str) -> str:
    source = find_source(provider)
    title = source.title if source else provider
    if before:
        return f"{title}: from {first or 'the first'}, before {before}"
    return f"{title}: from {first}" if first else title
