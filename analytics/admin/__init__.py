"""The staff's view of analytics."""

from analytics.admin.events import EventAdmin

__all__ = ["EventAdmin"]
