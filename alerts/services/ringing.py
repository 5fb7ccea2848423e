"""The bell for those who send: lost, it is rung again by the next tick."""

import datetime as dt
import logging
from typing import Any

from celery import current_app
from django.db.models import Q, Value
from django.db.models.functions import Now

from alerts.models import Notification

logger = logging.getLogger(__name__)
SEND_TASK = "alerts.send"
QUEUE = "notifications"
_BELL_SECONDS = 60
_Status = Notification.Status


def clock(moment: dt.datetime | None) -> Any:
    """Return an instant for a query: by the database's clock, which all senders share, where none is given."""
    return Now() if moment is None else Value(moment)


def is_due(moment: dt.datetime | None = None) -> Q:
    """What can be sent: what waits and is due, and what a dead sender left behind."""
    abandoned = Q(status=_Status.SENDING, lease_expires_at__lt=Now())
    return Q(status=_Status.PENDING, not_before__lte=clock(moment)) | abandoned


def ring() -> None:
    """Tell a worker to look for messages; a broker that is down costs nothing but time, for the tick follows."""
    try:
        current_app.send_task(SEND_TASK, queue=QUEUE, ignore_result=True, expires=_BELL_SECONDS)
    except Exception as error:
        logger.warning("Could not ring for messages (%s); the next tick will", type(error).__name__)


def ring_if_waiting() -> None:
    """Ring where something is due: lost bells, dead senders, retries and the ends of quiet hours."""
    if Notification.objects.filter(is_due()).exists():
        ring()
