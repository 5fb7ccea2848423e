"""What the doors of alerts share: pages within the admin, and buttons that do one thing."""

from django.utils.safestring import SafeString

from accounts.admin.pages import coloured
from alerts.models import Notification, Severity

SEVERITY_TONES = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.ERROR: "danger",
    Severity.CRITICAL: "danger",
}
STATUS_TONES = {
    Notification.Status.PENDING: "info",
    Notification.Status.SENDING: "info",
    Notification.Status.SENT: "success",
    Notification.Status.FAILED: "danger",
    Notification.Status.SKIPPED: "",
}


def show_status(row: Notification) -> SafeString:
    """Show how a message stands as a coloured label."""
    return coloured(row.get_status_display(), STATUS_TONES[Notification.Status(row.status)])
