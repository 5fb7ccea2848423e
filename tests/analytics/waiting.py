"""Transactions that wait for each other."""

from collections.abc import Callable
from time import monotonic

from django.db import connection


def until_somebody_waits(or_else: Callable[[], bool] = lambda: False) -> None:
    """Return once another transaction waits for this one, or something else holds."""
    deadline = monotonic() + 10
    with connection.cursor() as cursor:
        while monotonic() < deadline:
            cursor.execute("SELECT 1 FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)) LIMIT 1")
            if cursor.fetchone() or or_else():
                return
    raise AssertionError("Nobody waited")
