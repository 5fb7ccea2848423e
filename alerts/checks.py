"""What can be wrong with the alerts themselves: told by the channels that work."""

from collections.abc import Iterator

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from alerts.models import Channel, Notification
from alerts.registry import Finding, condition
from alerts.services.planning import CHANNEL_FAILING

_PATIENCE = 3
Status, What = Notification.Status, Notification.What


@condition(CHANNEL_FAILING, title="An alert channel is failing")
def find_failing_channels() -> Iterator[Finding]:
    """List the channels that took nothing at the last attempts, or that something could not be sent to since."""
    since = Notification.objects.filter(
        channel=OuterRef("channel"), status=Status.SENT, sent_at__gt=OuterRef("created_at")
    )
    lost = Notification.objects.filter(channel=OuterRef("pk"), status=Status.DEAD).exclude(what=What.TEST)
    failing = Q(failures__gte=_PATIENCE) | Exists(lost.exclude(Exists(since)))
    for channel in Channel.objects.filter(failing, is_enabled=True):
        last = channel.notifications.exclude(error="").order_by("-id").first()
        yield Finding(
            scope=f"channel:{channel.pk}",
            title=f"Alerts to “{channel}” don't arrive",
            detail=last.error if last else "",
            since=last.created_at if last else None,
            link=reverse("admin:alerts_channel_change", args=[channel.pk]),
            advice="Open the channel, correct its address and press “Send test”. Then open each failed message and "
            "press “Send again”.",
            count=max(channel.failures, 1),
            permission="alerts.change_channel",
        )
