"""Composition: the admin site, and Celery's application made the current one."""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class HuntazeConfig(AppConfig):
    """What ties the apps together."""

    name = "huntaze"
    verbose_name = "Former system"

    def ready(self) -> None:
        """Let every process that publishes a task use our Celery application; register checks, switch telemetry on."""
        from accounts.roles import declare_roles
        from huntaze import checks, telemetry
        from huntaze.celery import app
        from huntaze.importing import jobs, tables  # noqa: F401
        from huntaze.roles import ROLES

        app.set_default()
        checks.register()
        telemetry.switch_on()
        declare_roles(ROLES)
        post_migrate.connect(_sync_roles, sender=self)
        _name_foreign_apps()


class AdminSiteConfig(AdminConfig):
    """The admin, on our own site class."""

    default_site = "huntaze.admin_site.HuntazeAdminSite"


def _sync_roles(**_: Any) -> None:
    from accounts.services.roles import sync_roles

    sync_roles()


def _name_foreign_apps() -> None:
    """Let groups and schedules stand under the headings below which the sidebar has them."""
    for foreign, own in (("auth", "accounts"), ("django_celery_beat", "jobs")):
        apps.get_app_config(foreign).verbose_name = apps.get_app_config(own).verbose_name
