"""The queues: how many bells lie in each, and how long its oldest work has been waiting.

The age is that of rows in the database, which are the truth, whatever the broker still knows of them.
"""

from dataclasses import dataclass

from django.conf import settings

from huntaze.broker import get_broker
from jobs.registry import find_job
from jobs.selectors import Waiting, list_waiting


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue; `messages` is None where the broker does not say."""

    name: str
    messages: int | None
    waiting: int
    oldest_seconds: float


def list_queues() -> list[Queue]:
    """List all queues, as they stand now."""
    depths, waiting = _depths(), by_queue(list_waiting())
    return [
        Queue(name, depths.get(name), len(waiting.get(name, [])), _oldest(waiting.get(name, [])))
        for name in settings.CELERY_TASK_QUEUE_NAMES
    ]


def by_queue(waiting: list[Waiting]) -> dict[str, list[Waiting]]:
    """Sort what waits by the queue whose workers it waits for."""
    sorted_: dict[str, list[Waiting]] = {}
    for work in waiting:
        if job := find_job(work.job):
            sorted_.setdefault(job.queue, []).append(work)
    return sorted_


def _oldest(waiting: list[Waiting]) -> float:
    return max((work.seconds for work in waiting), default=0.0)


def _depths() -> dict[str, int]:
    try:
        return dict(get_broker().depths())
    except Exception:
        # Whoever asks how things stand wants to know the rest all the more.
        return {}
