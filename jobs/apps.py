"""The spine: every recurring or started piece of work, its runs and their items."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, post_save


class JobsConfig(AppConfig):
    """Jobs, their runs, schedules and monitors."""

    name = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        """Keep the rows of declared jobs after every migrate, and follow what somebody does to schedules."""
        from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

        from jobs import checks, retentions  # noqa: F401
        from jobs.schedules import follow_saved_task, follow_saved_timetable, sync_after_migrate

        post_migrate.connect(sync_after_migrate, sender=self)
        post_save.connect(follow_saved_task, sender=PeriodicTask)
        for timetable in (CrontabSchedule, IntervalSchedule):
            post_save.connect(follow_saved_timetable, sender=timetable)
