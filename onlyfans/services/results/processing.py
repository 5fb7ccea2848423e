"""Working through the files that wait: claimed in batches, read outside of any transaction, written in one."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.conf import settings
from django.db import OperationalError, transaction

from common.errors import Misconfigured, WorkError
from onlyfans.models import ResultFile
from onlyfans.services.results.applying import apply_readings
from onlyfans.services.results.reading import Reading, explain, read_file
from onlyfans.services.results.ringing import BELL
from workqueue.retries import RetryPolicy
from workqueue.services import WorkQueue

logger = logging.getLogger(__name__)
_BATCHES_A_THREAD = 4


class ResultFiles(WorkQueue[ResultFile]):
    """The result files that wait to be read."""

    name = "result-files"
    title = "Result files"
    model = ResultFile
    bell = BELL

    @property
    def policy(self) -> RetryPolicy:
        """When a file is tried again that can't be read."""
        return RetryPolicy(
            settings.RESULTS_MAX_ATTEMPTS, settings.RESULTS_RETRY_BASE_SECONDS, settings.RESULTS_RETRY_MAX_SECONDS
        )

    @property
    def batch_size(self) -> int:
        """How many files are read before they are written together."""
        return settings.JOBS_THREADS * _BATCHES_A_THREAD

    def process_batch(self, rows: Sequence[ResultFile]) -> int:
        """Read files, several at once, and write what stands in them."""
        return sum(map(self._write, _split(self.in_threads(read_file, rows, settings.JOBS_THREADS))))

    def _write(self, readings: Sequence[Reading]) -> int:
        """Write a batch in one transaction, or each file in its own where that does not go through."""
        try:
            with transaction.atomic():
                return apply_readings(self, readings)
        except Exception:
            logger.warning("A batch of result files did not go through; they are written one by one", exc_info=True)
        return sum(map(self._write_one, readings))

    def _write_one(self, reading: Reading) -> int:
        try:
            with transaction.atomic():
                return apply_readings(self, [reading])
        except OperationalError:
            # The database is not there, or somebody stood in the way: the lease ends, and it is tried again.
            raise
        except Exception as error:
            return self.write([explain(reading.file, error).as_outcome()])

    def counts(self, row: ResultFile, error: WorkError) -> bool:
        """Count a refusal for want of settings or rights where other files were read since this one came.

        Then it is the file that refuses us, as one does whose encryption key is not ours.
        """
        if isinstance(error, Misconfigured):
            done = ResultFile.objects.filter(status=ResultFile.Status.DONE).exclude(bucket="").order_by("-id")
            read_at = done.values_list("finished_at", flat=True).first()
            return bool(read_at and read_at > row.received_at)
        return super().counts(row, error)


RESULT_FILES = ResultFiles()


def process_files(
    ids: Iterable[int] | None = None, *, seconds: float = 240, goes_on: Callable[[], object] = lambda: None
) -> int:
    """Work through what is due, or of it what has these ids, for at most so long; return how many came to an end."""
    return RESULT_FILES.work(ids, seconds=seconds, goes_on=goes_on)


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
