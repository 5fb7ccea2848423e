"""Analytics' doors for people and front ends."""

from analytics.api.events import EventsView
from analytics.api.snapshots import SnapshotsView

__all__ = ["EventsView", "SnapshotsView"]
