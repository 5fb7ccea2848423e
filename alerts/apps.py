"""Alerts: who is told what, when something is wrong or has happened."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AlertsConfig(AppConfig):
    """Channels, rules, incidents and the notifications sent about them."""

    name = "alerts"
    verbose_name = "Alerts"

    def ready(self) -> None:
        """Declare the conditions and the queue, and make the channel that settings ask for after every migrate."""
        from alerts import checks  # noqa: F401
        from alerts.services.sending import NOTIFICATIONS
        from workqueue.registry import register

        register(NOTIFICATIONS)
        post_migrate.connect(_make_default_channel, sender=self)


def _make_default_channel(**_: Any) -> None:
    from alerts.services.channels import ensure_default

    ensure_default()
