"""Creators on OnlyFans and what they earn."""

from django.apps import AppConfig


class OnlyFansConfig(AppConfig):
    """Creator accounts and their earnings."""

    name = "onlyfans"
    verbose_name = "Creators"

    def ready(self) -> None:
        """Declare jobs, snapshots and what can be wrong, and show creators on their organization's page."""
        from accounts.models import Organization
        from accounts.panels import add_panel
        from onlyfans import checks, jobs, snapshots  # noqa: F401
        from onlyfans.panels import creators_panel

        add_panel(Organization, creators_panel)
