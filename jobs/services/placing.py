"""Writing a run and the audit entry that tells of it in one statement: many callers start runs at the same moment.

Two rows, one look at the network and no exception where somebody else was first: half of what two inserts in a
transaction cost, for the price of the SQL below.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model

from accounts.models import AuditEntry
from common.origin import get_origin
from jobs.models import JobRun

# What only the new run's key completes.
_NAMED_BY_RUN = {"object_id": "made.id::text", "object_name": "%s || made.id"}


def place_run(run: JobRun, entry: AuditEntry | None) -> bool:
    """Write a run, and with it its entry, unless another run has its slot or its place; tell whether it was written.

    A slot that a run under way answered once is that run's. The run has its key afterwards.
    """
    values = [*_values(run), run.job, run.slot]
    if entry is not None:
        entry.object_name = str(run).removesuffix(str(run.pk))
        values += _values(entry)
    with connection.cursor() as cursor:
        cursor.execute(_statement(entry is not None), values)
        made = cursor.fetchone()
    if made is None:
        return False
    if entry is not None:
        get_origin().entries += 1
    run.pk, run._state.adding, run._state.db = made[0], False, connection.alias
    return True


@cache
def _fields(model: type[Model]) -> Sequence["Field[Any, Any]"]:
    return [field for field in model._meta.concrete_fields if not field.primary_key]


def _values(row: Model) -> list[Any]:
    return [
        field.get_db_prep_save(field.pre_save(row, add=True), connection)
        for field in _fields(type(row))
        if field.name != "object_id"
    ]


@cache
def _statement(has_entry: bool) -> str:
    run = f"INSERT INTO jobs_jobrun ({_names(JobRun)}) SELECT {', '.join(map(_typed, _fields(JobRun)))}"
    run += " WHERE NOT EXISTS (SELECT 1 FROM jobs_answeredslot WHERE job = %s AND slot = %s)"
    run += " ON CONFLICT DO NOTHING RETURNING id"
    if not has_entry:
        return run
    told = ", ".join(_NAMED_BY_RUN.get(field.name, _typed(field)) for field in _fields(AuditEntry))
    entry = f"INSERT INTO accounts_auditentry ({_names(AuditEntry)}) SELECT {told} FROM made"  # noqa: S608
    return f"WITH made AS ({run}), noted AS ({entry}) SELECT id FROM made"  # noqa: S608


def _typed(field: "Field[Any, Any]") -> str:
    """Say of what type a value is, but not how long: cutting it to fit would go unnoticed."""
    return f"%s::{str(field.db_type(connection)).partition('(')[0]}"


def _names(model: type[Model]) -> str:
    return ", ".join(connection.ops.quote_name(str(field.column)) for field in _fields(model))
