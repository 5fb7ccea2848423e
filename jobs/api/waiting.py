"""Waiting for a run's end, for callers that want to know it; few at a time, for each holds a thread of the server."""

import time
from threading import BoundedSemaphore

from jobs.models import JobRun

# Half of the threads that docs/operations.md gives a web process: the others go on answering at once.
_MOST_WAITING = 2
_LOOK_EVERY = 0.2
_places = BoundedSemaphore(_MOST_WAITING)


def wait_for_end(run: JobRun, seconds: float) -> bool:
    """Wait until a run has ended or the seconds are over; return at once with False where too many wait already.

    For a run that has ended nobody waits, and no place is needed.
    """
    if not run.is_active:
        return True
    if not _places.acquire(blocking=False):
        return False
    try:
        deadline = time.monotonic() + seconds
        while run.is_active and time.monotonic() < deadline:
            time.sleep(min(_LOOK_EVERY, seconds))
            run.refresh_from_db()
        return True
    finally:
        _places.release()
