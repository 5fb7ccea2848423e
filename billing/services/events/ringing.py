"""The doorbell of Stripe's events: rung beside the request, never more than a few times a second."""

import logging
import os
import threading
import time

from celery import current_app

logger = logging.getLogger(__name__)
PROCESS_TASK = "billing.process_stripe_events"
_QUEUE = "webhooks"
_PAUSE_SECONDS = 0.1
_EXPIRES_SECONDS = 60


class _Bell:
    """Rings from a thread of its own, so that an answer waits for no broker; many rings at once become one.

    What is stored while it rings makes it ring once more: no event is without a bell that follows it.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._wanted = threading.Event()
        threading.Thread(target=self._run, name="stripe-events bell", daemon=True).start()

    def ring(self) -> None:
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            _send()
            time.sleep(_PAUSE_SECONDS)


def _send() -> None:
    try:
        current_app.send_task(PROCESS_TASK, queue=_QUEUE, ignore_result=True, expires=_EXPIRES_SECONDS)
    except Exception as error:
        logger.warning("Could not ring for Stripe's events (%s); the sweep will", type(error).__name__)


_lock = threading.Lock()
_bells: list[_Bell] = []


def ring() -> None:
    """Tell the workers to look at the events; a lost bell costs nothing but time, for a sweep follows."""
    if not _bells or _bells[0].pid != os.getpid():
        with _lock:
            # A forked process has its parent's list and none of its threads.
            if not _bells or _bells[0].pid != os.getpid():
                _bells[:] = [_Bell()]
    _bells[0].ring()
