"""How long the event log and snapshots are kept."""

from django.conf import settings

from jobs.retention import Retention, register_retention

_MONTHS = settings.ANALYTICS_EVENT_MONTHS
register_retention(
    Retention(
        "event-log",
        "Event log",
        None,
        f"The job that keeps its tables drops months older than {_MONTHS}." if _MONTHS else "Kept for ever.",
    )
)
register_retention(Retention("snapshots", "Provider snapshots", None, "Kept for ever: dashboards compare with them."))
