"""Taking snapshots: reading a source for a slot, comparing with the slots before, writing it down."""

from analytics.services.snapshots.taking import Taken, take_snapshots

__all__ = ["Taken", "take_snapshots"]
