"""The spine: every recurring or started piece of work, its runs and their items."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class JobsConfig(AppConfig):
    """Jobs, their runs and schedules."""

    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        """Create the schedules of declared jobs after every migrate."""
        from jobs.schedules import sync_after_migrate

        post_migrate.connect(sync_after_migrate, sender=self)
