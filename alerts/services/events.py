"""What happens and is over, told to those who asked for it."""

import uuid
from typing import Any

from alerts.models import Notification, Rule
from alerts.registry import Severity, find_event
from alerts.services.composing import describe_event
from alerts.services.planning import by_channel, find_moment, write
from common.clock import now


def publish_event(
    kind: str,
    scope: str,
    title: str,
    detail: str = "",
    link: str = "",
    payload: dict[str, Any] | None = None,
    *,
    outcome: str = "",
    severity: Severity = "info",
    key: str = "",
) -> int:
    """Write one message for each channel whose rules name this kind of event, in the caller's transaction.

    Idempotent by (kind, key), where a key is given. `payload` is what webhooks carry as data. Returns how many channels
    want it. Raises LookupError for a kind that nobody declares.
    """
    if find_event(kind) is None:
        raise LookupError(f"Nobody declares events of the kind {kind}.")
    moment = now()
    rules = Rule.objects.filter(is_enabled=True, kinds__contains=[kind]).prefetch_related("channels")
    wanted = [rule for rule in rules if rule.wants_event(kind, scope, outcome)]
    message = describe_event(kind, scope, title, detail, link, payload or {}, outcome, severity, moment)
    event_key = f"{kind}:{key or uuid.uuid4().hex}"
    rows = [
        Notification(
            channel_id=channel,
            what=Notification.What.EVENT,
            event_key=event_key,
            message=message,
            rules=[rule.pk for rule in asking],
            not_before=find_moment(asking, severity, moment),
            created_at=moment,
        )
        for channel, asking in by_channel(wanted).items()
    ]
    write(rows, moment)
    return len(rows)
