"""Working through the files that wait: claimed in batches, read outside of any transaction, written in one."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from onlyfans.models import ResultFile
from onlyfans.services.results.applying import apply_readings
from onlyfans.services.results.outcomes import keep_lease, write_outcomes
from onlyfans.services.results.reading import Reading, explain, read_file

logger = logging.getLogger(__name__)
Status = ResultFile.Status
_BATCHES_A_THREAD = 4
_DIED = "Whoever read it came to its end by that, each time."
_CLAIM = """
    UPDATE onlyfans_resultfile SET status = 'working', attempts = attempts + 1, not_before = NULL, error = '',
        lease_expires_at = clock_timestamp() + make_interval(secs => %s)
    WHERE id = ANY(%s)
"""


def process_files(
    ids: Iterable[int] | None = None, *, seconds: float = 240, goes_on: Callable[[], object] = lambda: None
) -> int:
    """Work through what is due, or of it what has these ids, for at most so long; return how many came to an end.

    Any number of processes may do so at once. Whatever fails is tried again with growing pauses, so often as
    `RESULTS_MAX_ATTEMPTS` allows, and is a dead letter then. `goes_on` is called between batches and may raise.
    """
    chosen = None if ids is None else list(ids)
    deadline, ended = time.monotonic() + seconds, 0
    _bury()
    with ThreadPoolExecutor(settings.JOBS_THREADS, thread_name_prefix="results") as pool:
        while time.monotonic() < deadline:
            claimed = _claim(chosen)
            if not claimed:
                break
            ended += sum(map(_write, _split(_read_all(pool, claimed))))
            goes_on()
    return ended


def _bury() -> None:
    """Give up on what has brought so many to their end that there is no attempt left."""
    left = ResultFile.objects.filter(status=Status.WORKING, status__in=ResultFile.ACTIVE, lease_expires_at__lt=Now())
    left.filter(attempts__gte=settings.RESULTS_MAX_ATTEMPTS).update(
        status=Status.DEAD, error=_DIED, lease_expires_at=None, finished_at=Now()
    )


def _list_due(ids: Sequence[int] | None) -> QuerySet[ResultFile]:
    due = ResultFile.objects.filter(status__in=ResultFile.ACTIVE)
    return (due if ids is None else due.filter(pk__in=ids)).order_by("id")


@transaction.atomic
def _claim(ids: Sequence[int] | None) -> list[ResultFile]:
    """Claim a batch; alone what somebody did not live to finish, for it may be what ended them."""
    due = _list_due(ids).select_for_update(skip_locked=True)
    left = due.filter(status=Status.WORKING, lease_expires_at__lt=Now())[:1]
    waiting = due.filter(Q(not_before=None) | Q(not_before__lte=Now()), status__in=[Status.WAITING, Status.FAILED])
    files = list(left) or list(waiting[: settings.JOBS_THREADS * _BATCHES_A_THREAD])
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [settings.JOBS_LEASE_SECONDS, [file.pk for file in files]])
    for file in files:
        file.attempts, file.status = file.attempts + 1, Status.WORKING
    return files


def _read_all(pool: ThreadPoolExecutor, files: Sequence[ResultFile]) -> list[Reading]:
    """Read files, several at once, and keep their lease meanwhile."""
    futures = [pool.submit(read_file, file) for file in files]
    while wait(futures, timeout=settings.JOBS_LEASE_SECONDS / 3).not_done:
        keep_lease(files)
    return [future.result() for future in futures]


def _split(readings: Sequence[Reading]) -> Iterator[list[Reading]]:
    """Part versions of one key: each is judged by those that are written."""
    left = list(readings)
    while left:
        keys: set[tuple[str, str]] = set()
        first, later = list[Reading](), list[Reading]()
        for reading in left:
            place = (reading.file.bucket, reading.file.key)
            (later if place in keys else first).append(reading)
            keys.add(place)
        yield first
        left = later


def _write(readings: Sequence[Reading]) -> int:
    """Write a batch in one transaction, or each file in its own where that does not go through."""
    try:
        with transaction.atomic():
            return apply_readings(readings)
    except Exception:
        logger.warning("A batch of result files did not go through; they are written one by one", exc_info=True)
    return sum(map(_write_one, readings))


def _write_one(reading: Reading) -> int:
    try:
        with transaction.atomic():
            return apply_readings([reading])
    except OperationalError:
        # The database is not there, or somebody stood in the way: the lease ends, and it is tried again.
        raise
    except Exception as error:
        return write_outcomes([explain(reading.file, error)], {})
