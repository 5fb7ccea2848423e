"""What follows a start, done beside the answer: a caller that waits a second must not wait for a broker that is down.

Starts that come close together are announced together: with one message to the broker, and one look at a monitor.
"""

import logging
import time
from queue import Empty, Full, Queue
from threading import Lock, Thread

from django.db import connection

from jobs.models import JobRun
from jobs.services import announce_together

logger = logging.getLogger(__name__)
# More wait only while the broker is down or slow; the sweep rings for their runs once it is back.
_MOST_WAITING = 10_000
_MOST_AT_ONCE = 500
# A lone start is announced at once; those that come within this time of it, together.
_PAUSE_SECONDS = 0.1


class Announcer:
    """Announces in a thread of its own, begun with the first start of a process."""

    def __init__(self) -> None:
        self._waiting: Queue[JobRun] = Queue(_MOST_WAITING)
        self._lock = Lock()
        self._thread: Thread | None = None

    def announce_later(self, run: JobRun) -> None:
        """Announce a run soon; return at once."""
        try:
            self._waiting.put_nowait(run)
        except Full:
            logger.warning("Too many starts wait: run %s is left to the sweep", run.pk)
            return
        if self._thread is None:
            self._begin()

    def wait(self) -> None:
        """Return once every start was announced, or could not be."""
        self._waiting.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._announce_waiting, name="announcer", daemon=True)
                self._thread.start()

    def _announce_waiting(self) -> None:
        while True:
            runs = self._take()
            try:
                announce_together(runs)
            except Exception:
                logger.exception("Could not announce %s runs; the sweep will", len(runs))
                connection.close()
            if self._waiting.empty():
                connection.close()
            for _ in runs:
                self._waiting.task_done()
            time.sleep(_PAUSE_SECONDS)

    def _take(self) -> list[JobRun]:
        """Wait for a start, and take those along that wait behind it."""
        runs = [self._waiting.get()]
        try:
            while len(runs) < _MOST_AT_ONCE:
                runs.append(self._waiting.get_nowait())
        except Empty:
            pass
        return runs


announcer = Announcer()
