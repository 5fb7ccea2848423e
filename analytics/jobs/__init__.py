"""The jobs of analytics."""

from analytics.jobs.snapshots import AnalyticsSnapshots

__all__ = ["AnalyticsSnapshots"]
