"""A work queue in the database: claimed under a lease, kept by a heartbeat, written under a fencing token.

One clock counts, the database server's. Whoever lost a lease holds a stale token, and none of its writes match a row.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from pydantic_core import to_json

from common.errors import Permanent, Retryable, WorkError
from workqueue.models import LeasedRow
from workqueue.retries import RetryPolicy, get_default_policy
from workqueue.services.bells import Bell

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome[R: LeasedRow]:
    """What became of a row: an ending of its model, or waiting again, after a pause where there is an error.

    `values` are further columns to be written with it, by field name; others stay as they are. With `not_before` the
    row waits until then, whatever the retry policy says.
    """

    row: R
    status: str
    error: WorkError | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    not_before: dt.datetime | None = None


class WorkQueue[R: LeasedRow]:
    """The rows of one table that wait for work, and how they are worked off.

    A queue sets what is below and defines `process`, or `process_batch` where rows are best worked on together.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    # What an unclaimed row has been waiting since: a column that is set when it arrives.
    arrived: ClassVar[str] = "received_at"
    # What a row says whose workers crashed until no attempt was left.
    died: ClassVar[str] = "Every worker that took it crashed."
    bell: Bell
    model: type[R]

    @property
    def _table(self) -> str:
        return self.model._meta.db_table

    @property
    def policy(self) -> RetryPolicy:
        """When to try again: as jobs do, unless a queue has settings of its own."""
        return get_default_policy()

    @property
    def batch_size(self) -> int:
        """How many rows are claimed at once, and worked on in as many threads."""
        return settings.JOBS_THREADS

    @property
    def lease_seconds(self) -> float:
        """How long a claimed row is its worker's without a heartbeat."""
        return settings.JOBS_LEASE_SECONDS

    def ring(self) -> None:
        """Tell the workers to look; a lost bell costs nothing but time, for a sweep follows."""
        self.bell.ring()

    # What waits

    def list_rows(self, ids: Iterable[int] | None = None) -> QuerySet[R]:
        """List what has not ended, or of it what has these ids, in the order in which it is worked off."""
        rows = self.model._default_manager.filter(status__in=LeasedRow.UNENDED)
        return (rows if ids is None else rows.filter(pk__in=list(ids))).order_by("pk")

    def list_due(self, ids: Iterable[int] | None = None) -> QuerySet[R]:
        """List what can be claimed now: what waits and is due, and what a dead worker left."""
        return self.list_rows(ids).filter(self.is_waiting() | self.is_abandoned())

    def list_waiting(self) -> QuerySet[R]:
        """List what waits and is due, as monitoring counts it."""
        return self.list_rows().filter(self.is_waiting())

    @staticmethod
    def is_waiting() -> Q:
        """Match rows that wait and are due."""
        return Q(status=LeasedRow.WAITING) & (Q(not_before=None) | Q(not_before__lte=Now()))

    @staticmethod
    def is_abandoned() -> Q:
        """Match rows whose lease has ended."""
        return Q(status=LeasedRow.WORKING, lease_expires_at__lt=Now())

    # The lease

    @transaction.atomic
    def claim(self, limit: int, ids: Iterable[int] | None = None) -> list[R]:
        """Claim up to so many due rows; what a dead worker left is claimed alone, for it may be what killed it."""
        due = self.list_rows(ids).select_for_update(skip_locked=True, of=("self",))
        rows = list(due.filter(self.is_abandoned())[:1]) or list(due.filter(self.is_waiting())[:limit])
        return self.take(rows)

    def take(self, rows: Sequence[R]) -> list[R]:
        """Take rows that the caller's transaction has locked: from its end on they are the caller's, under a lease."""
        if rows:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {self._table} SET status = 'working', token = token + 1, attempts = attempts + 1, "  # noqa: S608 - our own name
                    "lease_expires_at = clock_timestamp() + make_interval(secs => %s) WHERE id = ANY(%s)",
                    [self.lease_seconds, [row.pk for row in rows]],
                )
        for row in rows:
            row.status, row.token, row.attempts = LeasedRow.WORKING, row.token + 1, row.attempts + 1
        return list(rows)

    def keep(self, rows: Sequence[R]) -> list[R]:
        """Renew the lease of claimed rows; return those that are still the caller's."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {self._table} kept SET lease_expires_at = clock_timestamp() + make_interval(secs => %s) "  # noqa: S608 - our own name
                "FROM unnest(%s::bigint[], %s::int[]) AS mine(id, token) "
                "WHERE kept.id = mine.id AND kept.token = mine.token AND kept.status = 'working' RETURNING kept.id",
                [self.lease_seconds, [row.pk for row in rows], [row.token for row in rows]],
            )
            kept = {id_ for (id_,) in cursor.fetchall()}
        return [row for row in rows if row.pk in kept]

    def hold(self, rows: Sequence[R]) -> list[R]:
        """Lock the claimed rows that are still the caller's until its transaction ends; return those."""
        held = self.model._default_manager.select_for_update().filter(
            pk__in=[row.pk for row in rows], status=LeasedRow.WORKING
        )
        tokens = dict(held.order_by("pk").values_list("pk", "token"))
        return [row for row in rows if tokens.get(row.pk) == row.token]

    @transaction.atomic
    def bury(self) -> int:
        """Give up on rows that killed so many workers that no attempt is left; return how many."""
        lost = self.list_rows().filter(self.is_abandoned(), attempts__gte=self.policy.attempts)
        return self.write([self.give_up(row) for row in lost.select_for_update(skip_locked=True, of=("self",))])

    def give_up(self, row: R) -> Outcome[R]:
        """End a row that killed its workers."""
        return Outcome(row, LeasedRow.DEAD, Permanent(self.died))

    # What became of rows

    def write(self, outcomes: Sequence[Outcome[R]]) -> int:
        """Write outcomes down, each only while nobody else has taken its row since; return how many rows ended."""
        if not outcomes:
            return 0
        names = {name for outcome in outcomes for name in outcome.values}
        fields = [one for one in self.model._meta.concrete_fields if one.name in names]
        columns = {one.name: str(one.column) for one in fields}
        types = "".join(f", {one.column} {one.db_type(connection)}" for one in fields)
        news = "".join(f", {one.column} = after.{one.column}" for one in fields)
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE {self._table} written SET status = after.status, attempts = after.attempts,
                    error = after.error, lease_expires_at = NULL,
                    not_before = coalesce(
                        after.wait_until, clock_timestamp() + make_interval(secs => after.pause), written.not_before),
                    finished_at = CASE WHEN after.status <> 'waiting' THEN clock_timestamp() END
                    {news}
                FROM jsonb_to_recordset(%s::jsonb) AS after(id bigint, token int, status text, attempts int,
                    error text, pause float8, wait_until timestamptz{types})
                WHERE written.id = after.id AND written.token = after.token
                    AND written.status IN ('waiting', 'working')
                RETURNING written.status
                """,  # noqa: S608 - names of our own columns
                [to_json([self._describe(outcome, columns) for outcome in outcomes]).decode()],
            )
            return sum(status != LeasedRow.WAITING for (status,) in cursor.fetchall())

    def _describe(self, outcome: Outcome[R], columns: Mapping[str, str]) -> dict[str, Any]:
        row, error, status = outcome.row, outcome.error, outcome.status
        counted = error is None or self.counts(row, error)
        attempts = row.attempts if counted else max(row.attempts - 1, 0)
        pause = None
        if error is not None and status == LeasedRow.WAITING and outcome.not_before is None:
            is_last = counted and attempts >= self.policy.attempts
            pause = None if is_last else self.find_pause(row, error, attempts)
            status = LeasedRow.DEAD if pause is None else status
        return {
            "id": row.pk,
            "token": row.token,
            "status": str(status),
            "attempts": attempts,
            "error": error.message if error else "",
            "pause": pause,
            "wait_until": outcome.not_before,
            **{columns[name]: outcome.values.get(name, getattr(row, columns[name])) for name in columns},
        }

    def counts(self, row: R, error: WorkError) -> bool:
        """Return whether a failure of a row is one of its attempts."""
        return self.policy.counts(error)

    def find_pause(self, row: R, error: WorkError, attempts: int) -> float | None:
        """Decide in how many seconds a row that failed is tried again; None where it is not."""
        pause = self.policy.find_pause(error, attempts)
        return None if pause is None else pause.total_seconds()

    # Working rows off

    def work(
        self, ids: Iterable[int] | None = None, *, seconds: float = 240, goes_on: Callable[[], object] = lambda: None
    ) -> int:
        """Work off what is due, or of it what has these ids, for at most so long; return how many rows ended.

        Any number of processes may do so at once. `goes_on` is called between batches and may raise.
        """
        chosen = None if ids is None else list(ids)
        deadline, ended = time.monotonic() + seconds, 0
        self.bury()
        while time.monotonic() < deadline and (rows := self.claim(self.batch_size, chosen)):
            ended += self.process_batch(rows)
            goes_on()
        return ended

    def process_batch(self, rows: Sequence[R]) -> int:
        """Work on claimed rows and write down what became of each; return how many ended."""
        return self.write(self.in_threads(self._attempt, rows))

    def process(self, row: R) -> Outcome[R]:
        """Work on one claimed row, in a thread of its own and outside of any transaction.

        What it raises is the outcome: a WorkError by its kind, anything else as something that nobody foresaw.
        """
        raise NotImplementedError

    def _attempt(self, row: R) -> Outcome[R]:
        try:
            return self.process(row)
        except Exception as error:
            return self.explain(row, error)
        finally:
            connection.close()

    def in_threads[T](self, call: Callable[[R], T], rows: Sequence[R], threads: int | None = None) -> list[T]:
        """Call something for each claimed row, all or so many at once, and keep their lease meanwhile."""
        with ThreadPoolExecutor(threads or len(rows), thread_name_prefix=self.name) as pool:
            futures: list[Future[T]] = [pool.submit(call, row) for row in rows]
            while wait(futures, timeout=self.lease_seconds / 3).not_done:
                self.keep(rows)
            return [future.result() for future in futures]

    def explain(self, row: R, error: Exception) -> Outcome[R]:
        """Make an outcome of an error. Raises it where the database is gone: the lease ends, and it is tried again."""
        if isinstance(error, OperationalError):
            raise error
        if isinstance(error, WorkError):
            return Outcome(row, LeasedRow.DEAD if isinstance(error, Permanent) else LeasedRow.WAITING, error)
        logger.error("Row %s of the queue %s failed in a way nobody foresaw", row.pk, self.name, exc_info=error)
        return Outcome(row, LeasedRow.WAITING, Retryable(f"Unforeseen {type(error).__name__}: {error}"))
