"""The cron API: schedulers start jobs at `/api/cron/<name>` and ask how a run went."""

from jobs.api.views import CronView, RunView

__all__ = ["CronView", "RunView"]
