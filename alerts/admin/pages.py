"""What the doors of alerts share: pages within the admin, and buttons that do one thing."""

import datetime as dt

from django.utils.safestring import SafeString

from accounts.admin.pages import coloured
from alerts.models import Incident, Notification, Severity

SEVERITY_TONES = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ERROR: "danger",
    Severity.CRITICAL: "danger",
}
STATUS_TONES = {
    Notification.Status.WAITING: "info",
    Notification.Status.WORKING: "info",
    Notification.Status.SENT: "success",
    Notification.Status.DEAD: "danger",
    Notification.Status.SKIPPED: "",
    Notification.Status.DISMISSED: "",
}


def describe_state(incident: Incident, moment: dt.datetime) -> tuple[str, str]:
    """Say how an incident stands, and by which tone: open, acknowledged by whom, snoozed until when, or resolved."""
    if not incident.is_open:
        return "Resolved", "success"
    said = []
    if incident.acknowledged_at:
        said.append(f"acknowledged by {incident.acknowledged_by}")
    if incident.snoozed_until and incident.is_snoozed(moment):
        said.append(f"snoozed until {incident.snoozed_until.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC")
    text = ", ".join(said)
    return (text[0].upper() + text[1:], "info") if text else ("Open", "danger")


def show_status(row: Notification) -> SafeString:
    """Show how a message stands as a coloured label."""
    return coloured(row.get_status_display(), STATUS_TONES[Notification.Status(row.status)])
