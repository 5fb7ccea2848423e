"""Bells rung beside the answer: a caller that waits a second must not wait for a broker that is slow or down."""

import logging
import time
from queue import Empty, Full, Queue
from threading import Lock, Thread

from jobs.models import JobRun
from jobs.services import ring_together

logger = logging.getLogger(__name__)
# More wait only while the broker is down or slow; the sweep rings for their runs once it is back.
_MOST_WAITING = 10_000
_MOST_AT_ONCE = 500
# A lone bell is rung at once; those that come within this time of one are rung together.
_PAUSE_SECONDS = 0.05


class Ringer:
    """Rings in a thread of its own, begun with the first bell of a process."""

    def __init__(self) -> None:
        self._waiting: Queue[JobRun] = Queue(_MOST_WAITING)
        self._lock = Lock()
        self._thread: Thread | None = None

    def ring_later(self, run: JobRun) -> None:
        """Ring for a run soon; return at once."""
        try:
            self._waiting.put_nowait(run)
        except Full:
            logger.warning("Too many bells wait: not ringing for run %s, the sweep will", run.pk)
            return
        if self._thread is None:
            self._begin()

    def wait(self) -> None:
        """Return once every bell was rung, or could not be."""
        self._waiting.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._ring_waiting, name="bells", daemon=True)
                self._thread.start()

    def _ring_waiting(self) -> None:
        while True:
            runs = self._take()
            try:
                ring_together(runs)
            except Exception:
                logger.exception("Could not ring for %s runs; the sweep will", len(runs))
            for _ in runs:
                self._waiting.task_done()
            time.sleep(_PAUSE_SECONDS)

    def _take(self) -> list[JobRun]:
        """Wait for a bell, and take those along that wait behind it."""
        runs = [self._waiting.get()]
        try:
            while len(runs) < _MOST_AT_ONCE:
                runs.append(self._waiting.get_nowait())
        except Empty:
            pass
        return runs


ringer = Ringer()
