"""Bells rung beside the answer: a caller that waits a second must not wait for a broker that is down."""

import logging
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from jobs.models import JobRun
from jobs.services import ring

logger = logging.getLogger(__name__)
# More bells than that wait only while the broker is down; the sweep rings for their runs once it is back.
_MOST_WAITING = 10_000
_IDLE_SECONDS = 60.0


class Ringer:
    """Rings in a thread of its own, which is there while there is something to ring."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[JobRun] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None

    def ring_later(self, run: JobRun) -> None:
        """Ring for a run soon; return at once."""
        if self._waiting.qsize() >= _MOST_WAITING:
            logger.warning("The broker is too slow or down: not ringing for run %s, the sweep will", run.pk)
            return
        self._waiting.put(run)
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._ring_waiting, name="bells", daemon=True)
                self._thread.start()

    def _ring_waiting(self) -> None:
        while True:
            try:
                run = self._waiting.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._waiting.empty():
                        self._thread = None
                        return
                continue
            ring(run)


ring_later = Ringer().ring_later
