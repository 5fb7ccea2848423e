"""Tables: where messages go, who is told what, what is wrong, and what was sent about it."""

from alerts.models.channels import Channel
from alerts.models.incidents import Entry, Incident, Severity
from alerts.models.notifications import Notification
from alerts.models.rules import Rule

__all__ = ["Channel", "Entry", "Incident", "Notification", "Rule", "Severity"]
