"""The event log, snapshots and roll-ups."""

from analytics.models.events import LONGEST, Event, EventKey, InvalidEvent, NewEvent, digest_key
from analytics.models.rollups import (
    FIRST_DAY,
    CreatorDay,
    MetricDay,
    RevenueRollup,
    RevenueToDate,
    RollupState,
    StaleDay,
)
from analytics.models.snapshots import SLOT, ProviderSnapshot, slot_of

__all__ = [
    "FIRST_DAY",
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
    "RevenueToDate",
    "RollupState",
    "StaleDay",
    "digest_key",
    "slot_of",
]
