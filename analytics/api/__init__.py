"""Analytics' doors for people and front ends."""

from analytics.api.events import EventsView

__all__ = ["EventsView"]
