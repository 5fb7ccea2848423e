"""What a job gets beside its keys: the run, the instant, a place to leave results, and threads."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

from django.db import close_old_connections

from common.clock import iso
from common.errors import Misconfigured, WorkError
from common.trail import bound, submit
from jobs.engine.claims import Claimed, LeaseLost
from jobs.engine.outcomes import as_work_error, record_failure
from jobs.models import JobItem, JobRun

logger = logging.getLogger(__name__)


class Context:
    """One batch of one run, as the job's code sees it."""

    def __init__(
        self,
        run: JobRun,
        items: Iterable[Claimed],
        now: dt.datetime,
        pool: ThreadPoolExecutor,
        is_stopped: Callable[[], bool],
    ) -> None:
        self.run = run
        self.dry_run = run.dry_run
        self.now = now
        self.items = {item.key: item for item in items}
        # What one step of this batch hands to a later one; gone with the worker, so never the only copy.
        self.scratch: dict[Any, Any] = {}
        self.written: set[int] = set()
        self.pool = pool
        self._is_stopped = is_stopped

    def alive(self, keys: Sequence[str]) -> list[str]:
        """Keep those keys whose item has neither failed, ended nor been set aside for a retry."""
        running = JobItem.Status.RUNNING
        return [key for key in keys if key in self.items and self.items[key].status == running]

    def mine(self, keys: Sequence[str]) -> list[str]:
        """Keep those keys whose item nobody else has taken."""
        return [key for key in keys if key in self.items]

    def fail(self, key: str, error: WorkError) -> None:
        """Let one item fail at the present step; the others go on."""
        record_failure(self.items[key], error, self.now)

    def skip(self, key: str, note: str, **result: Any) -> None:
        """End one item here without a failure, saying why there is nothing more to do."""
        item = self.items[key]
        item.status = JobItem.Status.SKIPPED
        item.result |= {"note": note, **result}

    def note(self, key: str, **result: Any) -> None:
        """Keep figures on the item: JSON values that the run's page and summary show."""
        self.items[key].result |= result

    def holder(self, key: str) -> tuple[int, int]:
        """Return the item's id and fencing token, in whose name effects outside are claimed."""
        item = self.items[key]
        return item.id, item.token

    def check(self) -> None:
        """Raise LeaseLost when this worker should stop before its next effect."""
        if self._is_stopped():
            raise LeaseLost

    def map(self, function: Callable[[str], None], keys: Iterable[str]) -> None:
        """Call `function` for each key, several at once in threads; a key whose call raises fails alone.

        Misconfigured is raised after the calls under way have ended, for it concerns every key.
        """

        def call(key: str) -> None:
            close_old_connections()
            with bound(item=key):
                function(key)

        futures = {submit(self.pool, call, key): key for key in keys}
        misconfigured: Misconfigured | None = None
        for future in as_completed(futures):
            misconfigured = self._settle(future, futures[future]) or misconfigured
            if misconfigured or self._is_stopped():
                for other in futures:
                    other.cancel()
        if misconfigured:
            raise misconfigured
        self.check()

    def _settle(self, future: "Future[None]", key: str) -> Misconfigured | None:
        if future.cancelled():
            return None
        error = future.exception()
        if isinstance(error, Misconfigured):
            return error
        if error is not None and not isinstance(error, LeaseLost):
            with bound(item=key):
                self.fail(key, as_work_error(error))
        return None

    def record(self, item: Claimed, step: str, started_at: dt.datetime, seconds: float) -> None:
        """Write on the item that a step is done."""
        before = item.steps.get(step, {})
        item.steps[step] = {
            "status": "done",
            "attempts": before.get("attempts", 0) + 1,
            "started_at": iso(started_at),
            "seconds": round(seconds, 3),
            "errors": before.get("errors", []),
        }
