"""The doorbell of Stripe's events."""

from workqueue.services.bells import Bell

PROCESS_TASK = "billing.process_stripe_events"
BELL = Bell(PROCESS_TASK, "webhooks")


def ring() -> None:
    """Tell the workers to look at the events."""
    BELL.ring()
