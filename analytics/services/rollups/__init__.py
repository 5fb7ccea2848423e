"""Keeping roll-ups true: what changed is added up anew, inside the database."""

from analytics.services.rollups.days import refresh_days
from analytics.services.rollups.revenue import refresh_revenue

__all__ = ["refresh_days", "refresh_revenue"]
