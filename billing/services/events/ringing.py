"""The doorbell of Stripe's events."""

from jobs.services.bells import Bell

PROCESS_TASK = "billing.process_stripe_events"
_bell = Bell(PROCESS_TASK, "webhooks")


def ring() -> None:
    """Tell the workers to look at the events; a lost bell costs nothing but time, for a sweep follows."""
    _bell.ring()
