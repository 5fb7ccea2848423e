"""The event log, snapshots and roll-ups."""

from analytics.models.events import LONGEST, Event, EventKey, InvalidEvent, NewEvent, digest_key
from analytics.models.rollups import CreatorDay, MetricDay, RevenueRollup, RollupState, StaleDay
from analytics.models.snapshots import SLOT, ProviderSnapshot, slot_of

__all__ = [
    "LONGEST",
    "SLOT",
    "CreatorDay",
    "Event",
    "EventKey",
    "InvalidEvent",
    "MetricDay",
    "NewEvent",
    "ProviderSnapshot",
    "RevenueRollup",
    "RollupState",
    "StaleDay",
    "digest_key",
    "slot_of",
]
