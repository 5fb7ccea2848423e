"""Plans, usage, commission, invoices and their delivery."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    """Who is billed what, and how it is delivered."""

    name = "billing"
    verbose_name = "Billing"

    def ready(self) -> None:
        """Declare the jobs and what can be wrong, and create the sweep of Stripe's events after every migrate."""
        from billing import checks, jobs, retentions  # noqa: F401
        from billing.schedules import sync_sweep
        from billing.services.events import STRIPE_EVENTS
        from workqueue.registry import register

        register(STRIPE_EVENTS)
        post_migrate.connect(sync_sweep, sender=self)
