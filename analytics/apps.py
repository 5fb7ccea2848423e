"""What happened, and what it added up to."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """The event log, and snapshots of what providers tell."""

    name = "analytics"
    verbose_name = "Analytics"

    def ready(self) -> None:
        """Declare the jobs, the dashboards' own cards, and what people should look at."""
        from analytics import cards, checks, jobs, retentions  # noqa: F401
