"""A worker: takes batches of a run until there is nothing to take."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from common.clock import now
from common.errors import Misconfigured
from common.tracing import span
from common.trail import bound
from jobs.engine.batch import Batch
from jobs.engine.claims import Claimed, LeaseLost, claim, renew
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job, get_job
from jobs.selectors import get_next_due
from jobs.services import expand_run, finish_run, release_items, stop_run

logger = logging.getLogger(__name__)
_LONGEST_NAP = 0.5
_SMALLEST_SHARE = 50
# For how many seconds at most a worker does not hear that its run was cancelled or stopped.
_LONGEST_DEAFNESS = 1.0


class Heart:
    """Keeps the lease of the items in hand, in a thread; notices when they are lost or the run is to go no further."""

    def __init__(self, run: JobRun) -> None:
        self._run = run
        self._items: list[Claimed] = []
        self._renew_at = 0.0
        # Held while a lease is prolonged, so that the answer is about the items in hand and not about former ones.
        self._hand = threading.Lock()
        self._lost = threading.Event()
        self._run_over = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def hold(self, items: list[Claimed]) -> None:
        """Take care of these items from now on, and of no others."""
        with self._hand:
            self._items = items
            self._renew_at = time.monotonic() + settings.JOBS_LEASE_SECONDS / 3
            self._lost.clear()

    def is_stopped(self) -> bool:
        """Return whether the worker should stop before its next effect."""
        return self._lost.is_set() or self._run_over.is_set()

    def end(self) -> None:
        """Stop beating."""
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._ended.wait(min(settings.JOBS_LEASE_SECONDS / 3, _LONGEST_DEAFNESS)):
                self._beat_once()
        finally:
            connections.close_all()

    def _beat_once(self) -> None:
        try:
            self._renew()
            going_on = JobRun.objects.filter(pk=self._run.pk, status=JobRun.Status.RUNNING, cancel_requested_at=None)
            if not going_on.exists():
                self._run_over.set()
        except Exception:
            # The lease runs out by itself if this goes on; the fencing token keeps us honest until then.
            logger.exception("A heartbeat of run %s failed", self._run.pk)
            connections.close_all()

    def _renew(self) -> None:
        with self._hand:
            if self._items and time.monotonic() >= self._renew_at:
                if renew(self._items):
                    self._lost.set()
                self._renew_at = time.monotonic() + settings.JOBS_LEASE_SECONDS / 3


def work(run_id: int, *, wait: bool = False, seconds: float | None = None) -> bool:
    """Work on a run; return whether it has ended.

    With `wait`, stay until the run has ended, sleeping where items are due later; else leave when there is nothing
    to take right now. `seconds` bounds how long new batches are taken.
    """
    with bound(run=run_id):
        run = expand_run(run_id)
    until = None if seconds is None else time.monotonic() + seconds
    if not run.is_active:
        return True
    with (
        bound(run=run.pk, job=run.job, actor=run.actor_id),
        span(f"run {run.job}", run=run.pk, job=run.job, trigger=run.trigger, dry_run=run.dry_run),
        _tools(run) as (heart, pool),
    ):
        return _work_until(run, heart, pool, wait=wait, until=until)


def _work_until(run: JobRun, heart: Heart, pool: ThreadPoolExecutor, *, wait: bool, until: float | None) -> bool:
    while True:
        took = _take_batches(run, heart, pool, until)
        if finish_run(run.pk):
            return True
        if not wait or (until is not None and time.monotonic() > until):
            return False
        if not took:
            time.sleep(_nap(run.pk))


def _take_batches(run: JobRun, heart: Heart, pool: ThreadPoolExecutor, until: float | None) -> bool:
    """Take batches until none is left, the time is over or the run is stopped; return whether any was taken."""
    declared = get_job(run.job)
    job = declared(declared.Params.model_validate(run.params))
    took = False
    while not heart.is_stopped() and (until is None or time.monotonic() < until):
        items = claim(run, _fair_share(run, job))
        if not items:
            break
        took = True
        heart.hold(items)
        context = Context(run, items, now(), pool, heart.is_stopped)
        try:
            with span("batch", run=run.pk, job=run.job, items=len(items)):
                Batch(job, context).run()
        except Misconfigured as error:
            stop_run(run.pk, error.message)
            release_items(run.pk, [item for item in items if item.id not in context.written])
            break
        except LeaseLost:
            logger.warning("Run %s: %s items are no longer ours", run.pk, len(items) - len(context.written))
            release_items(run.pk, [item for item in items if item.id not in context.written])
        finally:
            heart.hold([])
    return took


def _fair_share(run: JobRun, job: Job) -> int:
    """Bound a batch so that all workers find something to do in a run that is not large."""
    return min(job.batch_size, max(_SMALLEST_SHARE, run.expected // (2 * settings.JOBS_WORKERS_PER_RUN)))


@contextmanager
def _tools(run: JobRun) -> Iterator[tuple[Heart, ThreadPoolExecutor]]:
    heart = Heart(run)
    pool = ThreadPoolExecutor(settings.JOBS_THREADS, thread_name_prefix="step")
    try:
        yield heart, pool
    finally:
        _close_connections(pool)
        pool.shutdown()
        heart.end()


def _close_connections(pool: ThreadPoolExecutor) -> None:
    """Let each of the pool's threads close its own database connections."""
    threads = len(pool._threads)
    together = threading.Barrier(threads or 1)

    def close() -> None:
        together.wait()
        connections.close_all()

    for future in [pool.submit(close) for _ in range(threads)]:
        future.result()


def _nap(run_id: int) -> float:
    due = get_next_due(run_id)
    return _LONGEST_NAP if due is None else min(max((due - now()).total_seconds(), 0.02), _LONGEST_NAP)
