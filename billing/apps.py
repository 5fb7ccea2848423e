"""Plans, usage, commission, invoices and their delivery."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Who is billed what, and how it is delivered."""

    name = "billing"
    verbose_name = "Billing"

    def ready(self) -> None:
        """Declare the jobs."""
        from billing import jobs  # noqa: F401
