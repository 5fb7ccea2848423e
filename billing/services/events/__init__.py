"""Stripe's events: taken in once, then applied to invoices and accounts in whatever order they came."""

from billing.services.events.again import process_again
from billing.services.events.processing import STRIPE_EVENTS, process_events, requeue_events
from billing.services.events.ringing import PROCESS_TASK, ring
from billing.services.events.taking import keep_events, take_event, take_events

__all__ = [
    "PROCESS_TASK",
    "STRIPE_EVENTS",
    "keep_events",
    "process_again",
    "process_events",
    "requeue_events",
    "ring",
    "take_event",
    "take_events",
]
