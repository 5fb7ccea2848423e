"""Bells rung beside the answer: a caller that waits a second must not wait for a broker that is down."""

import logging
from queue import Full, Queue
from threading import Lock, Thread

from jobs.models import JobRun
from jobs.services import ring

logger = logging.getLogger(__name__)
# More wait only while the broker is down or slow; the sweep rings for their runs once it is back.
_MOST_WAITING = 10_000


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
            run = self._waiting.get()
            try:
                ring(run)
            except Exception:
                logger.exception("Could not ring for run %s; the sweep will", run.pk)
            finally:
                self._waiting.task_done()


ringer = Ringer()
