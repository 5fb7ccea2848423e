"""Creators on OnlyFans and what they earn."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OnlyFansConfig(AppConfig):
    """Creator accounts and their earnings."""

    name = "onlyfans"
    verbose_name = "Creators"

    def ready(self) -> None:
        """Declare jobs, snapshots, cards and what can be wrong, and show creators on their organization's page."""
        from accounts.models import Organization
        from accounts.panels import add_panel
        from onlyfans import cards, checks, jobs, retentions, snapshots  # noqa: F401
        from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsRevision
        from onlyfans.panels import creators_panel, months_panel, pulls_panel, versions_panel
        from onlyfans.schedules import sync_results
        from onlyfans.services.results import RESULT_FILES
        from workqueue.registry import register

        register(RESULT_FILES)
        add_panel(Organization, creators_panel)
        add_panel(CreatorAccount, months_panel)
        add_panel(CreatorAccount, pulls_panel)
        add_panel(EarningsAggregate, versions_panel)
        add_panel(EarningsRevision, versions_panel)
        post_migrate.connect(sync_results, sender=self)
