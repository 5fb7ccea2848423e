"""The event log."""

from analytics.models.events import Event, EventKey, InvalidEvent, NewEvent, digest_key

__all__ = ["Event", "EventKey", "InvalidEvent", "NewEvent", "digest_key"]
