"""A doorbell for work that is not a run's: rung beside the request, never more than a few times a second."""

import logging
import os
import threading
import time

from celery import current_app

logger = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.1
_EXPIRES_SECONDS = 60


class Bell:
    """Tells the workers of a queue to do a task, which a sweep does as well: a lost ring costs nothing but time.

    It rings from a thread of its own, so that an answer waits for no broker; many rings at once become one. What is
    stored while it rings makes it ring once more: nothing is without a bell that follows it.
    """

    def __init__(self, task: str, queue: str) -> None:
        self._task, self.queue = task, queue
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._pid = 0

    def ring(self) -> None:
        """Ring soon."""
        # A forked process has its parent's bell and none of its threads.
        if self._pid != os.getpid():
            with self._lock:
                if self._pid != os.getpid():
                    self._begin()
        self._wanted.set()

    def _begin(self) -> None:
        self._wanted = threading.Event()
        threading.Thread(target=self._run, name=f"bell of {self._task}", daemon=True).start()
        self._pid = os.getpid()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._send()
            time.sleep(_PAUSE_SECONDS)

    def _send(self) -> None:
        try:
            current_app.send_task(self._task, queue=self.queue, ignore_result=True, expires=_EXPIRES_SECONDS)
        except Exception as error:
            logger.warning("Could not ring for %s (%s); the sweep will", self._task, type(error).__name__)
