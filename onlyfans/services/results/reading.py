"""Reading a claimed file from the bucket, without the database."""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings

from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable, WorkError
from onlyfans.models import ResultFile
from onlyfans.providers.notifications import NotANotification, StoredFile
from onlyfans.providers.results import Reason, Rejected, Result, read_result
from onlyfans.providers.storage import Bucket, Replaced, TooLarge
from onlyfans.services.results.taking import is_result, read_kept
from workqueue.services import Outcome

logger = logging.getLogger(__name__)
Status = ResultFile.Status


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a claimed file, or what became of it instead."""

    file: ResultFile
    status: str
    result: Result | None = None
    written_at: dt.datetime | None = None
    reasons: tuple[Reason, ...] = ()
    error: WorkError | None = None
    # Files that are to be taken in because of it.
    found: tuple[StoredFile, ...] = ()
    note: str = ""

    def as_outcome(self, brought: Mapping[str, Any] | None = None) -> Outcome[ResultFile]:
        """Make the outcome that is written down, with what was written because of the file."""
        result = self.result
        note = {"note": self.note} if self.note else {}
        values = {
            "reasons": [{"field": reason.field, "why": reason.why} for reason in self.reasons],
            "kind": result.kind if result else "",
            "user_id": result.user_id if result else "",
            "observed_at": result.observed_at if result else None,
            "written_at": self.written_at,
            "figures": dict(result.figures) if result and result.figures else None,
            "brought": {**(brought or {}), **note},
        }
        return Outcome(self.file, self.status, self.error, values)


def open_bucket(name: str = "") -> Bucket:
    """Open the bucket that settings name, or another beside it; Misconfigured where they name none."""
    if not settings.RESULTS_BUCKET:
        raise Misconfigured("RESULTS_BUCKET is not set, so result files can't be read.")
    return _bucket(name or settings.RESULTS_BUCKET, settings.RESULTS_REGION, settings.RESULTS_ENDPOINT)


@cache
def _bucket(name: str, region: str, endpoint: str) -> Bucket:
    return Bucket(name, region, endpoint, settings.JOBS_THREADS)


def read_file(file: ResultFile) -> Reading:
    """Read a file and check it against its schema; whatever goes wrong is said in the answer."""
    try:
        return _read_notification(file) if file.is_notification else _read(file)
    except Rejected as error:
        return Reading(file, Status.REJECTED, reasons=error.reasons)
    except Exception as error:
        return explain(file, error)


def explain(file: ResultFile, error: Exception) -> Reading:
    """Say what becomes of a file by an error: what may heal waits for another attempt."""
    if isinstance(error, Retryable | Misconfigured | OutcomeUnknown):
        return Reading(file, Status.WAITING, error=error)
    if isinstance(error, WorkError):
        return Reading(file, Status.DEAD, error=error)
    logger.error("Result file %s failed in a way nobody foresaw", file.pk, exc_info=error)
    return Reading(file, Status.WAITING, error=Retryable(f"Unforeseen {type(error).__name__}: {error}"))


def _read(file: ResultFile) -> Reading:
    try:
        content = open_bucket(file.bucket).read(file.key, file.etag, settings.RESULTS_MAX_BYTES)
    except TooLarge as error:
        size = "more" if error.size is None else f"{error.size:,}"
        raise Rejected(
            Reason("file", f"It has {size} bytes; at most {settings.RESULTS_MAX_BYTES:,} are read.")
        ) from None
    except Replaced:
        return _follow(file)
    result = read_result(content.body, content.written_at, content.encoding)
    return Reading(file, Status.DONE, result, content.written_at)


def _follow(file: ResultFile) -> Reading:
    """Take in the version that stands in the place of the one that was announced."""
    found = open_bucket(file.bucket).look(file.key)
    if found is None:
        raise Permanent("It is no longer in the bucket.")
    if found.etag == file.etag:
        raise Retryable("It was replaced and put back meanwhile.")
    note = "A newer version stood in its place before this one was read."
    return Reading(file, Status.REPLACED, found=(found,), note=note)


def _read_notification(file: ResultFile) -> Reading:
    try:
        told = read_kept(file)
    except NotANotification as error:
        return Reading(file, Status.DEAD, error=Permanent(str(error)))
    found = tuple(one for one in told.files if is_result(one))
    if told.unreadable:
        return Reading(file, Status.DEAD, error=Permanent(told.unreadable[0].why), found=found)
    return Reading(file, Status.DONE, found=found, note=f"Result files that it tells of: {len(found)}.")
