"""Celery's door: a bell at which waiting messages are sent."""

from celery import shared_task

from alerts.services.ringing import SEND_TASK
from alerts.services.sending import send_waiting

# A task lasts minutes, not hours: the broker hands out again what is not acknowledged for too long.
_LONGEST_TURN_SECONDS = 120


@shared_task(name=SEND_TASK)
def send() -> None:
    """Send what waits, for a while; the next tick rings for what is left."""
    send_waiting(seconds=_LONGEST_TURN_SECONDS)
