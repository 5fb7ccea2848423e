"""Alerts: who is told what, when something is wrong or has happened."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Channels, rules, incidents and the notifications sent about them."""

    name = "alerts"
    verbose_name = "Alerts"
