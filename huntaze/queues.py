"""The queues: how many bells lie in each, and how long its oldest work has been waiting.

The age is that of rows in the database, which are the truth, whatever the broker still knows of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.db.models.functions import Coalesce

from common.clock import now
from huntaze.broker import Depth, get_broker
from jobs.registry import find_job
from jobs.selectors import list_waiting
from workqueue.registry import list_queues as list_work_queues
from workqueue.services import WorkQueue


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work of one queue that could be done now; `seconds` is the age of the oldest.

    `attended` where somebody works on what it belongs to, so that its turn will come.
    """

    queue: str
    count: int
    seconds: float
    attended: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue; `depth` is None where the broker does not answer."""

    name: str
    depth: Depth | None
    waiting: int
    oldest_seconds: float


def list_queues() -> list[Queue]:
    """List all queues, as they stand now."""
    depths, waiting = _depths(), list(list_work())
    return [_queue(name, depths.get(name), waiting) for name in settings.CELERY_TASK_QUEUE_NAMES]


def _queue(name: str, depth: Depth | None, waiting: list[Waiting]) -> Queue:
    own = [work for work in waiting if work.queue == name]
    return Queue(name, depth, sum(work.count for work in own), max((work.seconds for work in own), default=0.0))


def list_work() -> Iterator[Waiting]:
    """List what waits: runs, and the rows of each work queue."""
    for run in list_waiting():
        if job := find_job(run.job):
            yield Waiting(job.queue, 1, run.seconds, run.attended)
    for queue in list_work_queues():
        yield from _waiting(queue)


def _waiting(queue: WorkQueue[Any]) -> Iterator[Waiting]:
    due = queue.list_waiting().order_by()
    found = due.aggregate(count=Count("pk"), oldest=Min(Coalesce("not_before", queue.arrived)))
    if found["count"]:
        yield Waiting(queue.bell.queue, found["count"], (now() - found["oldest"]).total_seconds())


def _depths() -> dict[str, Depth]:
    try:
        return dict(get_broker().depths())
    except Exception:
        # Whoever asks how things stand wants to know the rest all the more.
        return {}
