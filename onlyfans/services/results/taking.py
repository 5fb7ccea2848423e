"""Taking result files in: one row a version of a file, whoever tells of it and however often."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from django.conf import settings
from django.db import connection, transaction

from common.clock import now
from common.errors import Misconfigured
from onlyfans.models import ResultFile
from onlyfans.providers.notifications import NotANotification, Notification, StoredFile, read_notification
from onlyfans.services.results.ringing import ring
from workqueue.services import requeue

PREFIX, NAME = "jobs/", "result.json"
_AT_ONCE = 1_000
_LONGEST_MESSAGE = 20_000
# A known version comes anew where the same bytes were stored again after others. S3 fills its shorter form up.
_NEWER = "rpad(upper(excluded.sequencer), 64, '0') > rpad(upper(file.sequencer), 64, '0')"
_TAKE = f"""
    INSERT INTO onlyfans_resultfile AS file (bucket, key, etag, sequencer, size, job_id, door, status, received_at,
        attempts, error, reasons, message, kind, user_id, brought)
    SELECT bucket, key, etag, sequencer, size, job_id, %s, 'waiting', %s, 0, '', '[]', '', '', '', '{{}}'
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])
        WITH ORDINALITY AS found(bucket, key, etag, sequencer, size, job_id, place)
    ORDER BY place
    ON CONFLICT (bucket, key, etag) DO UPDATE SET
        sequencer = excluded.sequencer,
        status = CASE WHEN file.sequencer = '' OR file.status IN ('waiting', 'working')
            THEN file.status ELSE 'waiting' END,
        attempts = CASE WHEN file.sequencer = '' OR file.status IN ('waiting', 'working')
            THEN file.attempts ELSE 0 END
    WHERE excluded.sequencer <> '' AND {_NEWER}
    RETURNING id, status
"""  # noqa: S608 - constants
_KEEP = """
    INSERT INTO onlyfans_resultfile (bucket, key, etag, sequencer, job_id, door, status, received_at, attempts, error,
        reasons, message, kind, user_id, brought, finished_at)
    VALUES ('', %s, '', '', '', %s, 'dead', %s, 0, %s, '[]', %s, '', '', '{}', %s)
    ON CONFLICT (bucket, key, etag) DO NOTHING RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a notification: how many result files it tells of, and the rows of those that are to be read.

    `unreadable` counts its records that were kept as dead letters.
    """

    found: int
    ids: tuple[int, ...]
    unreadable: int = 0


def take_notification(text: str | bytes, door: ResultFile.Door) -> Taken:
    """Take in the result files that a notification tells of, and ring; NotANotification where it is none of ours.

    Idempotent by bucket, key and ETag. What is stored elsewhere than where workers leave their results is passed over.
    """
    return take_told(read_notification(text), door)


@transaction.atomic
def take_told(told: Notification, door: ResultFile.Door) -> Taken:
    """Take in what a notification tells as `take_notification` does; a record that can't be read is a dead letter."""
    taken = take_files(told.files, door)
    for one in told.unreadable:
        keep_unreadable(one.text, one.why, door)
    return replace(taken, unreadable=len(told.unreadable))


@transaction.atomic
def take_files(found: Iterable[StoredFile], door: ResultFile.Door) -> Taken:
    """Take in stored files as `take_notification` does; Misconfigured where nobody said which bucket is ours."""
    found = list(found)
    if found and not settings.RESULTS_BUCKET:
        raise Misconfigured("RESULTS_BUCKET is not set, so nobody knows which files are results.")
    ours = {(one.bucket, one.key, one.etag, one.sequencer): one for one in found if is_result(one)}
    # In one order everywhere, for two who bring the same files must not wait for each other; a version's last one wins.
    versions = {(one.bucket, one.key, one.etag): one for _, one in sorted(ours.items())}
    ids: list[int] = []
    for part in batched(versions.values(), _AT_ONCE):
        ids += _take(part, door)
    if ids:
        transaction.on_commit(ring)
    return Taken(len(versions), tuple(ids))


def _take(files: tuple[StoredFile, ...], door: ResultFile.Door) -> list[int]:
    rows = [(one.bucket, one.key, one.etag, one.sequencer, one.size, read_job(one.key)) for one in files]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [door, now(), *map(list, zip(*rows, strict=True))])
        return [id_ for id_, status in cursor.fetchall() if status == ResultFile.Status.WAITING]


@transaction.atomic
def take_anew(ids: Sequence[int]) -> list[int]:
    """Let files that have ended be read again, since the same bytes were stored again after others; and ring."""
    again = requeue(ResultFile.objects.filter(pk__in=ids).exclude(status__in=ResultFile.UNENDED))
    if again:
        transaction.on_commit(ring)
    return [file.pk for file in again]


def is_result(one: StoredFile) -> bool:
    """Return whether a file is one that a worker leaves its result in, in the bucket that settings name."""
    parts = one.key.split("/")
    return one.bucket == settings.RESULTS_BUCKET and one.key.startswith(PREFIX) and parts[-1] == NAME and len(parts) > 2


def read_job(key: str) -> str:
    """Return which of the worker's jobs a key belongs to."""
    return key.removeprefix(PREFIX).removesuffix(f"/{NAME}")[:255]


def keep_unreadable(text: str, why: str, door: ResultFile.Door) -> None:
    """Keep a notification that could not be read, where people see it; once however often it comes."""
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    kept = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()[:_LONGEST_MESSAGE]
    moment = now()
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [digest, door, moment, why, kept, moment])


def read_kept(file: ResultFile) -> Notification:
    """Return what a kept notification tells, should it be readable by now; NotANotification otherwise."""
    if len(file.message) >= _LONGEST_MESSAGE:
        raise NotANotification("It was too long to be kept whole.")
    return read_notification(file.message)
