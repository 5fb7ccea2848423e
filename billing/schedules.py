"""The sweep of Stripe's events: a row of django-celery-beat, created once and then the staff's own."""

from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from billing.services.events import PROCESS_TASK

_EVERY_SECONDS = 20


def sync_sweep(**_: Any) -> None:
    """Create the row that sweeps up events whose bell was lost, whose worker died or whose retry fell due."""
    every, _created = IntervalSchedule.objects.get_or_create(every=_EVERY_SECONDS, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.get_or_create(
        name="stripe-events",
        defaults={
            "task": PROCESS_TASK,
            "interval": every,
            "queue": "webhooks",
            "expire_seconds": 60,
            "description": "Processes Stripe's events whose bell was lost, whose worker died or whose retry fell due.",
        },
    )
