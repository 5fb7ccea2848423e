"""The admin of alerts: incidents, channels, rules, and what was sent."""

from alerts.admin import channels, incidents, notifications, rules

__all__ = ["channels", "incidents", "notifications", "rules"]
