"""Writing a run and the audit entry that tells of it in one statement: many callers start runs at the same moment.

Two rows, one look at the network, no exception where somebody else was first, and a plan that is made once a session
(`jobs_place_run`, a function of the database): half of what two inserts in a transaction cost.
"""

from django.db import connection
from django.db.models import Model
from pydantic_core import to_json

from accounts.models import AuditEntry
from accounts.services.auditing import lay_out
from common.origin import get_origin
from jobs.models import JobRun


def place_run(run: JobRun, entry: AuditEntry | None) -> bool:
    """Write a run, and with it its entry, unless another run has its slot or its place; tell whether it was written.

    A slot that a run under way answered once is that run's. The run has its key afterwards.
    """
    if entry is not None:
        entry.object_name = str(run).removesuffix(str(run.pk))
    values = [_pack(run), None if entry is None else _pack(entry)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT jobs_place_run(%s, %s)", values)
        (made,) = cursor.fetchone()
    if made is None:
        return False
    if entry is not None:
        get_origin().entries += 1
    run.pk, run._state.adding, run._state.db = made, False, connection.alias
    return True


def _pack(row: Model) -> str:
    return to_json(lay_out(row)).decode()
