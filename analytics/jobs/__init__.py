"""Jobs of analytics."""

from analytics.jobs.partitions import EventPartitions

__all__ = ["EventPartitions"]
