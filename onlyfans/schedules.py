"""The sweeps of what comes in, and the poller of its queue: rows of django-celery-beat, then the staff's own."""

from typing import Any

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from onlyfans.services.ingesting import ATTACH_TASK
from onlyfans.services.results import POLL_TASK, PROCESS_TASK, QUEUE

_EVERY_SECONDS = 20
_ROWS = {
    "result-files": (
        PROCESS_TASK,
        "Reads result files whose bell was lost, whose worker died or whose retry fell due.",
    ),
    "result-queue": (POLL_TASK, "Takes in what S3's queue tells of result files; consume_results does so at once."),
    "attach-earnings": (ATTACH_TASK, "Takes in earnings that came before their creator was there."),
}


def sync_results(**_: Any) -> None:
    """Create the rows."""
    every, _created = IntervalSchedule.objects.get_or_create(every=_EVERY_SECONDS, period=IntervalSchedule.SECONDS)
    for name, (task, description) in _ROWS.items():
        PeriodicTask.objects.get_or_create(
            name=name,
            defaults={
                "task": task,
                "interval": every,
                "queue": QUEUE,
                "expire_seconds": 60,
                "description": description,
            },
        )
