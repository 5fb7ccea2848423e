"""Emptying tables that nobody may empty: the guards stay as they are, and only the tests' own role goes past them.

Between tests few tables have rows, and few rows: deleting those takes a fiftieth of the time of making all files anew.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

# More rows than it is worth to delete one by one.
_MANY = 2_000
_IS_ALONE = """
    SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND xact_start IS NOT NULL)
"""
# As a replica does, which takes over what was allowed elsewhere; only a superuser may say so.
_PAST_GUARDS, _GUARDED = (f"SET LOCAL session_replication_role = {role}" for role in ("replica", "origin"))


def empty_tables(*names: str) -> None:
    """Throw away all rows of some tables."""
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _go_past_guards([f"TRUNCATE {', '.join(names)}"]):
            cursor.execute(statement)


@contextmanager
def guards_let_flushes_pass() -> Iterator[None]:
    """Let Django throw the rows of every table away between tests."""
    # Of all connections: a thread in which a browser keeps its loop has another one than the thread had before.
    operations = type(connection.ops)
    flush = operations.execute_sql_flush
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            operations,
            "execute_sql_flush",
            lambda own, statements: flush(own, _go_past_guards(_choose_quickest(statements))),
        )
        yield


def _choose_quickest(statements: Sequence[str]) -> Sequence[str]:
    """Delete instead of truncating, unless somebody is at work who would not be waited for, or there is much."""
    (statement,) = statements
    names = re.findall(r'"(\w+)"', statement)
    if not statement.startswith("TRUNCATE") or "RESTART" in statement or not names:
        return statements
    rows = (f"SELECT '{name}', (SELECT count(*) FROM (SELECT FROM {name} LIMIT {_MANY}) found)" for name in names)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(_IS_ALONE)
        (is_alone,) = cursor.fetchone()
        cursor.execute(" UNION ALL ".join(rows))
        counts = {name: count for name, count in cursor.fetchall() if count}
    is_quick = is_alone and all(count < _MANY for count in counts.values())
    return [f"DELETE FROM {name}" for name in counts] if is_quick else statements  # noqa: S608 - our tables


def _go_past_guards(statements: Sequence[str]) -> list[str]:
    return [_PAST_GUARDS, *statements, _GUARDED]
