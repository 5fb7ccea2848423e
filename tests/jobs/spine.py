"""Words in which the spine's tests speak."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from django.db import connection, connections

from accounts.models import User
from jobs.engine import work
from jobs.models import JobItem, JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from tests.emptying import empty_tables

# Effects are kept without any uniqueness, so that one that happens twice is seen twice.
CREATE_EFFECTS = "CREATE TABLE IF NOT EXISTS test_effect (id bigserial, key text NOT NULL, what text NOT NULL)"


def begin(name: str, **params: Any) -> JobRun:
    """Start a job without working on it."""
    job = get_job(name)
    run, _ = start(job, read_params(job, params), JobRun.Trigger.COMMAND)
    return run


def complete(run: JobRun) -> JobRun:
    """Work on a run until it has ended."""
    assert work(run.pk, wait=True)
    run.refresh_from_db()
    return run


def run_job(name: str, **params: Any) -> JobRun:
    """Start a job and work on it until it has ended."""
    return complete(begin(name, **params))


def items(run: JobRun) -> dict[str, JobItem]:
    """The items of a run by key."""
    return {item.key: item for item in JobItem.objects.filter(run=run)}


def statuses(run: JobRun) -> dict[str, str]:
    """What became of each item."""
    return dict(JobItem.objects.filter(run=run).values_list("key", "status"))


def counts(run: JobRun) -> tuple[int, int, int, int]:
    """Expected, done, skipped and failed, as the run says."""
    return run.expected, run.done, run.skipped, run.failed


def dismiss(person: User) -> None:
    """Remove somebody who did something; the audit entries that say so would keep them, and nobody may delete those."""
    empty_tables("accounts_auditentry")
    person.delete()


def act(key: str, what: str = "done") -> None:
    """Have an effect, in the transaction that there is, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO test_effect (key, what) VALUES (%s, %s)", [key, what])


def effects(what: str = "done") -> list[str]:
    """The keys of the effects that were kept, in the order in which they happened."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM test_effect WHERE what = %s ORDER BY id", [what])
        return [key for (key,) in cursor.fetchall()]


def end_leases(run: JobRun) -> None:
    """Let the leases of a run's items have ended a second ago, as time would."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_jobitem SET lease_expires_at = clock_timestamp() - interval '1 second' "
            "WHERE run_id = %s AND status = 'running'",
            [run.pk],
        )


def lease_of(run: JobRun, key: str) -> dt.datetime:
    """Read when an item's lease ends."""
    ends_at = JobItem.objects.get(run=run, key=key).lease_expires_at
    assert ends_at is not None
    return ends_at


@contextmanager
def elsewhere(function: Callable[[], object]) -> Iterator[Thread]:
    """Do something in another thread, with a connection of its own, during the block; end with it."""
    failures: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=call)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)
    assert not thread.is_alive()
    if failures:
        raise failures[0]
