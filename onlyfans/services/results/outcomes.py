"""Writing down what became of result files: ended, or to be tried again after a pause."""

import datetime as dt
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from common.clock import now
from common.errors import Misconfigured
from onlyfans.models import ResultFile
from onlyfans.services.results.reading import Reading

Status = ResultFile.Status
# A file is written only as it was when it was claimed: whoever was overtaken writes nothing.
_WRITE = """
    UPDATE onlyfans_resultfile file SET status = after.status, attempts = after.attempts,
        not_before = after.not_before, lease_expires_at = NULL, finished_at = after.finished_at, error = after.error,
        reasons = after.reasons::jsonb, kind = after.kind, user_id = after.user_id, observed_at = after.observed_at,
        written_at = after.written_at, figures = after.figures::jsonb, brought = after.brought::jsonb
    FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::text[],
        %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[])
        AS after(id, claim, status, attempts, not_before, finished_at, error, reasons, kind, user_id, observed_at,
            written_at, figures, brought)
    WHERE file.id = after.id AND file.attempts = after.claim AND file.status = 'working'
"""
_KEEP = """
    UPDATE onlyfans_resultfile file SET lease_expires_at = clock_timestamp() + make_interval(secs => %s)
    FROM unnest(%s::bigint[], %s::int[]) AS mine(id, claim)
    WHERE file.id = mine.id AND file.attempts = mine.claim AND file.status = 'working'
"""


def write_outcomes(readings: Sequence[Reading], brought: Mapping[int, dict[str, Any]]) -> int:
    """Write outcomes down; return how many files have come to an end by them."""
    if not readings:
        return 0
    moment, read_at = now(), _find_last_read(readings)
    rows = [_row(reading, brought.get(reading.file.pk, {}), moment, read_at) for reading in readings]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [list(column) for column in zip(*rows, strict=True)])
    return sum(status not in ResultFile.ACTIVE for _, _, status, *_ in rows)


def keep_lease(files: Sequence[ResultFile]) -> None:
    """Renew the lease of claimed files, as far as they are still ours."""
    with connection.cursor() as cursor:
        claims = [file.pk for file in files], [file.attempts for file in files]
        cursor.execute(_KEEP, [settings.JOBS_LEASE_SECONDS, *claims])


def _find_last_read(readings: Sequence[Reading]) -> dt.datetime | None:
    """Tell when another file could be read last, where one of these was refused for want of settings or rights."""
    if not any(isinstance(reading.error, Misconfigured) for reading in readings):
        return None
    done = ResultFile.objects.filter(status=Status.DONE).exclude(bucket="").order_by("-id")
    return done.values_list("finished_at", flat=True).first()


def _row(
    reading: Reading, brought: dict[str, Any], moment: dt.datetime, read_at: dt.datetime | None
) -> tuple[Any, ...]:
    file, result = reading.file, reading.result
    # What the installation is to blame for is no attempt of the file's. Where others were read since this one came, it
    # is the file that refuses us, as one does whose encryption key is not ours.
    is_ours = isinstance(reading.error, Misconfigured) and not (read_at and read_at > file.received_at)
    attempts = file.attempts - (1 if is_ours else 0)
    status = reading.status
    if status == Status.FAILED and attempts >= settings.RESULTS_MAX_ATTEMPTS:
        status = Status.DEAD
    note = {"note": reading.note} if reading.note else {}
    return (
        file.pk,
        file.attempts,
        str(status),
        attempts,
        moment + _pause(reading, attempts) if status == Status.FAILED else None,
        None if status == Status.FAILED else moment,
        reading.error.message if reading.error else "",
        json.dumps([{"field": reason.field, "why": reason.why} for reason in reading.reasons]),
        result.kind if result else "",
        result.user_id if result else "",
        result.observed_at if result else None,
        reading.written_at,
        json.dumps(dict(result.figures)) if result and result.figures else None,
        json.dumps(brought | note),
    )


def _pause(reading: Reading, attempts: int) -> dt.timedelta:
    """How long to wait before the next attempt: exponential, jittered, bounded."""
    doubled = settings.RESULTS_RETRY_BASE_SECONDS * 2 ** max(attempts - 1, 0)
    wished = getattr(reading.error, "retry_after", None) or 0.0
    ceiling = min(doubled, settings.RESULTS_RETRY_MAX_SECONDS)
    return dt.timedelta(seconds=max(ceiling * random.uniform(0.5, 1), wished))  # noqa: S311 - jitter, no secret
