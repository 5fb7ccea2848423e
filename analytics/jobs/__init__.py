"""Jobs of analytics."""

from analytics.jobs.partitions import EventPartitions
from analytics.jobs.rollups import AnalyticsRollups
from analytics.jobs.snapshots import AnalyticsSnapshots

__all__ = ["AnalyticsRollups", "AnalyticsSnapshots", "EventPartitions"]
