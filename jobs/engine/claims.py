"""Items as a work queue in the database: claimed under a lease, kept by a heartbeat, written under a fencing token.

One clock counts, the database server's. A worker whose lease has ended and whose items somebody else took holds
a stale token, and none of its writes match a row any more.
"""

import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from pydantic_core import to_json

from jobs.models import JobItem, JobRun

# Items whose worker died are retried in ever smaller parts, so that one that kills its worker ends up alone.
_CRASH_SHRINK = 8
_MAX_CRASHES = 5


class LeaseLost(Exception):
    """Somebody else has taken the items, or the run was cancelled: write nothing more."""


@dataclass(slots=True)
class Claimed:
    """An item in the hands of this worker, with what has become of it so far."""

    id: int
    key: str
    token: int
    steps: dict[str, Any]
    result: dict[str, Any]
    status: str = JobItem.Status.RUNNING
    step: str = ""
    error_kind: str = ""
    error: str = ""
    not_before: dt.datetime | None = None
    attempts: int = field(default=0)

    def save(self) -> dict[str, Any]:
        """Remember what is known of the item before a step that may be undone."""
        return {
            "steps": {name: dict(record) for name, record in self.steps.items()},
            "result": dict(self.result),
            "status": self.status,
            "error_kind": self.error_kind,
            "error": self.error,
            "not_before": self.not_before,
            "attempts": self.attempts,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Forget what a step that was undone said of the item."""
        for name, value in saved.items():
            setattr(self, name, value)


def worker_name() -> str:
    """Name this worker for people: host, process and thread."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"[:120]


# What is chosen is computed first: within an IN, the planner may choose more than once and lock beyond the limit.
_CLAIM = """
    WITH chosen AS MATERIALIZED (
        SELECT id FROM jobs_jobitem WHERE run_id = %(run)s AND {which} AND EXISTS (
            SELECT 1 FROM jobs_jobrun WHERE id = %(run)s AND status = 'running' AND cancel_requested_at IS NULL
        )
        ORDER BY {order} LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs_jobitem item SET
        status = 'running', token = token + 1, crashes = crashes + %(crash)s, worker = %(worker)s,
        lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s), not_before = NULL,
        started_at = coalesce(started_at, clock_timestamp())
    FROM chosen WHERE item.id = chosen.id
    RETURNING item.id, key, token, steps, result, attempts, crashes
"""
_CLAIM_WAITING = _CLAIM.format(
    which="status = 'pending' AND (not_before IS NULL OR not_before <= clock_timestamp())", order="id"
)
_ABANDONED = "status = 'running' AND lease_expires_at < clock_timestamp()"
_CLAIM_ABANDONED = _CLAIM.format(which=f"{_ABANDONED} AND crashes = %(crashes)s", order="lease_expires_at")


def claim(run: JobRun, limit: int) -> list[Claimed]:
    """Take up to `limit` items of an active run nobody works on: first waiting ones, then those of dead workers."""
    rows = _take(_CLAIM_WAITING, run, limit, crash=0) or _take_abandoned(run, limit)
    claimed = [
        Claimed(id_, key, token, json.loads(steps), json.loads(result), attempts=attempts)
        for id_, key, token, steps, result, attempts, crashes in sorted(rows)
        if crashes < _MAX_CRASHES
    ]
    hopeless = [row for row in rows if row[6] >= _MAX_CRASHES]
    if hopeless:
        flush(run, [_killer(row) for row in hopeless])
    return claimed


def _take_abandoned(run: JobRun, limit: int) -> list[tuple[Any, ...]]:
    """Take items of dead workers, the least suspicious first: the more workers died on them, the fewer at once."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(crashes) FROM jobs_jobitem WHERE run_id = %s AND {_ABANDONED}", [run.pk])  # noqa: S608
        crashes = cursor.fetchone()[0]
    if crashes is None:
        return []
    is_last_chance = crashes + 1 >= _MAX_CRASHES - 1
    few = 1 if is_last_chance else max(1, limit // _CRASH_SHRINK ** (crashes + 1))
    return _take(_CLAIM_ABANDONED, run, few, crash=1, crashes=crashes)


def _take(sql: str, run: JobRun, limit: int, crash: int, crashes: int = 0) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {
        "run": run.pk,
        "limit": limit,
        "crash": crash,
        "crashes": crashes,
        "worker": worker_name(),
        "lease": settings.JOBS_LEASE_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _killer(row: Any) -> Claimed:
    return Claimed(
        row[0],
        row[1],
        row[2],
        json.loads(row[3]),
        json.loads(row[4]),
        status=JobItem.Status.FAILED,
        error_kind="crash",
        error=f"The worker died {row[6]} times while working on this.",
        attempts=row[5],
    )


def hold(items: Iterable[Claimed]) -> set[int]:
    """Lock those items that are still ours until the transaction ends; return their ids."""
    items = list(items)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT item.id FROM jobs_jobitem item
            JOIN unnest(%s::bigint[], %s::int[]) AS mine(id, token) ON item.id = mine.id AND item.token = mine.token
            WHERE item.status = 'running' FOR UPDATE OF item
            """,
            [[item.id for item in items], [item.token for item in items]],
        )
        return {row[0] for row in cursor.fetchall()}


def renew(items: Sequence[Claimed]) -> bool:
    """Prolong the lease of those items that are still in hand; return whether somebody else has taken any of them.

    One that was put off and written down may be taken by anybody: that is no loss.
    """
    ids, tokens = [item.id for item in items], [item.token for item in items]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE jobs_jobitem item SET lease_expires_at = clock_timestamp() + make_interval(secs => %s)
            FROM unnest(%s::bigint[], %s::int[]) AS mine(id, token)
            WHERE item.id = mine.id AND item.token = mine.token AND item.status = 'running'
            """,
            [settings.JOBS_LEASE_SECONDS, ids, tokens],
        )
        if cursor.rowcount == len(items):
            return False
        # The rest has been written down, or somebody holds a newer token.
        mine = [item for item in items if item.status == JobItem.Status.RUNNING]
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT 1 FROM jobs_jobitem item JOIN unnest(%s::bigint[], %s::int[]) AS mine(id, token)
                ON item.id = mine.id AND item.token > mine.token
            )
            """,
            [[item.id for item in mine], [item.token for item in mine]],
        )
        return bool(cursor.fetchone()[0])


_FLUSH = """
    WITH news AS (
        SELECT * FROM jsonb_to_recordset(%s::jsonb) AS news(
            id bigint, token int, status text, step text, steps jsonb, result jsonb, error_kind text, error text,
            not_before timestamptz, attempts int
        )
    ), written AS (
        UPDATE jobs_jobitem item SET
            status = news.status, step = news.step, steps = news.steps, result = news.result,
            error_kind = news.error_kind, error = news.error, not_before = news.not_before, attempts = news.attempts,
            lease_expires_at = CASE WHEN news.status = 'running' THEN item.lease_expires_at END,
            finished_at = CASE WHEN news.status IN ('running', 'pending') THEN NULL ELSE clock_timestamp() END
        FROM news
        WHERE item.id = news.id AND item.token = news.token AND item.status = 'running'
        RETURNING item.id, item.status
    )
    SELECT id, status FROM written
"""
_WRITTEN = ("id", "token", "status", "step", "steps", "result", "error_kind", "error", "not_before", "attempts")


def flush(run: JobRun, items: Sequence[Claimed]) -> set[int]:
    """Write down what became of the items and count the ended ones on the run; return the ids still ours."""
    if not items:
        return set()
    news = to_json([{name: getattr(item, name) for name in _WRITTEN} for item in items]).decode()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FLUSH, [news])
        written = dict(cursor.fetchall())
        ended = list(written.values())
        _count(run.pk, *(ended.count(status) for status in ("done", "skipped", "failed")))
    return set(written)


def _count(run_id: int, done: int, skipped: int, failed: int) -> None:
    if done or skipped or failed:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE jobs_jobrun SET done = done + %s, skipped = skipped + %s, failed = failed + %s WHERE id = %s",
                [done, skipped, failed, run_id],
            )
