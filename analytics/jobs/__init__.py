"""Jobs of analytics."""

from analytics.jobs.partitions import EventPartitions
from analytics.jobs.snapshots import AnalyticsSnapshots

__all__ = ["AnalyticsSnapshots", "EventPartitions"]
