"""Emptying tables that nobody may empty: the guards stay as they are, and only the tests' own role goes past them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

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
        patch.setattr(operations, "execute_sql_flush", lambda own, statements: flush(own, _go_past_guards(statements)))
        yield


def _go_past_guards(statements: Sequence[str]) -> list[str]:
    return [_PAST_GUARDS, *statements, _GUARDED]
