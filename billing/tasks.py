"""Celery's doors to billing: the bell and the sweep of Stripe's events are one."""

from celery import shared_task

from billing.services.events import PROCESS_TASK, process_events


@shared_task(name=PROCESS_TASK)
def process_stripe_events() -> None:
    """Work through the Stripe events that are due, for a while."""
    process_events()
