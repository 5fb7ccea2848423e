"""The app of work queues."""

from django.apps import AppConfig


class WorkqueueConfig(AppConfig):
    """Rows that are worked off under a lease."""

    name = "workqueue"
    verbose_name = "Work queues"
