"""Composition: the admin site, and Celery's application made the current one."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class HuntazeConfig(AppConfig):
    """What ties the apps together."""

    name = "huntaze"

    def ready(self) -> None:
        """Let every process that publishes a task use our Celery application; register checks, switch telemetry on."""
        from huntaze import checks, telemetry
        from huntaze.celery import app

        app.set_default()
        checks.register()
        telemetry.switch_on()


class AdminSiteConfig(AdminConfig):
    """The admin, on our own site class."""

    default_site = "huntaze.admin_site.HuntazeAdminSite"
