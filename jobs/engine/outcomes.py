"""What a failure means for an item: again later, or failed."""

import datetime as dt
import logging
import threading
import traceback

from django.db import OperationalError

from common.clock import iso
from common.errors import Misconfigured, NotYet, Permanent, Retryable, WorkError
from common.trail import current
from jobs.engine.claims import Claimed
from jobs.models import JobItem
from workqueue.retries import get_default_policy

logger = logging.getLogger(__name__)
_KEPT_ERRORS = 10
_TOLD_AT_MOST = 1_000


def as_work_error(error: BaseException) -> WorkError:
    """Give an error that nobody foresaw a kind and a sentence, and log its traceback."""
    if isinstance(error, WorkError):
        return error
    if isinstance(error, OperationalError):
        logger.warning("The database interrupted a step", exc_info=error)
        return Retryable(f"The database interrupted this step: {str(error).splitlines()[0]}")
    if _is_first(error):
        logger.error("A step failed in a way nobody foresaw", exc_info=error)
    else:
        logger.warning("A step failed as it did before in this run: %s", type(error).__name__)
    return Permanent(f"Unforeseen {type(error).__name__}: {error}")


class _Told:
    """Which failures of which runs have had their traceback told: a thousand items that fail alike need one."""

    def __init__(self) -> None:
        self._keys: dict[tuple[object, ...], None] = {}
        self._hand = threading.Lock()

    def add(self, key: tuple[object, ...]) -> bool:
        """Remember a failure; return whether it is new. The oldest are forgotten first."""
        with self._hand:
            if key in self._keys:
                return False
            self._keys[key] = None
            while len(self._keys) > _TOLD_AT_MOST:
                del self._keys[next(iter(self._keys))]
            return True


_told = _Told()


def _is_first(error: BaseException) -> bool:
    way = tuple((frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__))
    doing = current()
    return _told.add((doing.get("run"), doing.get("step"), type(error), way))


def record_failure(item: Claimed, error: WorkError, now: dt.datetime) -> None:
    """Write the failure into the item's present step, and decide between a later attempt and the end."""
    if isinstance(error, NotYet):
        _put_off(item, error)
        return
    step = item.steps.setdefault(item.step, {"attempts": 0, "errors": []})
    step["attempts"] += 1
    step["errors"] = [*step["errors"], {"at": iso(now), "kind": error.kind, "message": error.message}][-_KEPT_ERRORS:]
    item.attempts += 1
    item.error_kind, item.error = error.kind, error.message
    pause = _pause(error, step["attempts"])
    if pause is None:
        step["status"], item.status = "failed", JobItem.Status.FAILED
    else:
        step["status"], item.status = "waiting", JobItem.Status.PENDING
        item.not_before = dt.datetime.now(dt.UTC) + pause


def _put_off(item: Claimed, error: NotYet) -> None:
    """Let an item wait for its turn: nothing was tried, so nothing failed."""
    item.status, item.error_kind, item.error = JobItem.Status.PENDING, error.kind, error.message
    item.not_before = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=error.retry_after or 0)


def _pause(error: WorkError, attempts: int) -> dt.timedelta | None:
    """How long to wait before the next attempt; None for never. What is misconfigured ends the run, not the item."""
    return None if isinstance(error, Misconfigured) else get_default_policy().find_pause(error, attempts)
