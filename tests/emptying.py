"""Emptying tables that nobody may empty: the guards stay as they are, and only the tests' own role goes past them.

Between tests few tables have rows, and few rows: deleting those takes a fiftieth of the time of making all files anew.
What a migration leaves is put back from a copy, for making it row by row takes a third of a second.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush as flushing
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection, transaction

from billing.services.books import get_books
from common.clock import now
from jobs.models import JobSchedule
from jobs.registry import list_jobs
from jobs.schedules import declared_schedules

# More rows than it is worth to delete one by one.
_MANY = 2_000
# Instants in what a migration leaves must be about as fresh as after one.
_LONGEST = dt.timedelta(minutes=1)
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


def delete_rows(*names: str) -> None:
    """Throw away the rows of tables that have few."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("; ".join(_go_past_guards([f"DELETE FROM {name}" for name in names])))  # noqa: S608 - our tables


class Beginnings:
    """The rows that a migration leaves, copied into a schema that no model knows."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._good_until = now()
        self._declared: object = None

    def put_back(self, *given: Any, **named: Any) -> None:
        """Fill emptied tables with what a migration leaves, instead of announcing one."""
        if self._good_until <= now() or self._declared != _declare():
            emit_post_migrate_signal(*given, **named)
            get_books()
            self._keep()
            return
        with transaction.atomic(), connection.cursor() as cursor:
            # A worker that is still there may have made a row of its own by now.
            select = "INSERT INTO {0} SELECT * FROM beginnings.{0} ON CONFLICT DO NOTHING"
            copies = (select.format(name) for name in self._names)
            cursor.execute("; ".join(_go_past_guards(list(copies))))
        ContentType.objects.clear_cache()

    def _keep(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            names = connection.introspection.django_table_names(only_existing=True, include_views=False)
            self._names = list(_count_rows(names))
            copies = (f"CREATE TABLE beginnings.{name} AS TABLE {name}" for name in self._names)
            cursor.execute("DROP SCHEMA IF EXISTS beginnings CASCADE; CREATE SCHEMA beginnings;" + "; ".join(copies))
        self._declared = _declare()
        self._good_until = min([now() + _LONGEST, *_list_instants_ahead()])


def _declare() -> object:
    """Say on what the rows depend: jobs and settings of the test that ends may still be there."""
    schedules = {job.name: declared_schedules(job) for job in list_jobs()}
    return schedules, settings.ALERTS_EMAIL


def _list_instants_ahead() -> list[dt.datetime]:
    """List when something of it falls due: from then on, a migration would leave another instant."""
    instants = (schedule.due_at for schedule in JobSchedule.objects.all())
    return [instant for instant in instants if instant]


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
        patch.setattr(flushing, "emit_post_migrate_signal", Beginnings().put_back)
        yield


def _choose_quickest(statements: Sequence[str]) -> Sequence[str]:
    """Delete instead of truncating, unless somebody is at work who would not be waited for, or there is much."""
    (statement,) = statements
    names = re.findall(r'"(\w+)"', statement)
    if not statement.startswith("TRUNCATE") or "RESTART" in statement or not names:
        return statements
    with connection.cursor() as cursor:
        cursor.execute(_IS_ALONE)
        (is_alone,) = cursor.fetchone()
    counts = _count_rows(names)
    is_quick = is_alone and all(count < _MANY for count in counts.values())
    return [f"DELETE FROM {name}" for name in counts] if is_quick else statements  # noqa: S608 - our tables


def _count_rows(names: Sequence[str]) -> dict[str, int]:
    """Count the rows of those tables that have any, as far as it matters."""
    rows = (f"SELECT '{name}', (SELECT count(*) FROM (SELECT FROM {name} LIMIT {_MANY}) found)" for name in names)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(rows))
        return {name: count for name, count in cursor.fetchall() if count}


def _go_past_guards(statements: Sequence[str]) -> list[str]:
    return [_PAST_GUARDS, *statements, _GUARDED]
