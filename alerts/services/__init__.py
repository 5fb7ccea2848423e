"""Looking for what is wrong, telling who must know, and what staff do about it."""

from alerts.services.events import publish_event
from alerts.services.watching import tick

__all__ = ["publish_event", "tick"]
