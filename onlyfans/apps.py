"""Creators on OnlyFans and what they earn."""

from django.apps import AppConfig


class OnlyFansConfig(AppConfig):
    """Creator accounts and their earnings."""

    name = "onlyfans"
    verbose_name = "Creators"

    def ready(self) -> None:
        """Show creators on their organization's page, and say what snapshots can tell of them."""
        from accounts.models import Organization
        from accounts.panels import add_panel
        from onlyfans import snapshots  # noqa: F401
        from onlyfans.panels import creators_panel

        add_panel(Organization, creators_panel)
