"""The admin of alerts."""

from alerts.admin import incidents

__all__ = ["incidents"]
