"""Running jobs in a test as the command line does, in this process."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from billing.models import Invoice
from billing.services.computing import compute_invoices
from billing.services.correcting import supersede_invoices
from billing.services.numbering import finalize_invoices
from common.clock import Month
from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from tests.factories.invoices import ISSUED_AT


def run(job: str, **params: Any) -> JobRun:
    """Start a job and work on it until it has ended."""
    declared = get_job(job)
    started, _ = start(declared, read_params(declared, params), JobRun.Trigger.COMMAND, reason="Test")
    return finish(started)


def finish(started: JobRun) -> JobRun:
    """Work on a run until it has ended; return it as it ended."""
    work(started.pk, wait=True)
    started.refresh_from_db()
    return started


def bill(month: Month, **params: Any) -> JobRun:
    """Bill a month without delivering."""
    return run("monthly-billing", **{"month": month, "deliver": False, **params})


def bill_here(month: Month, *organizations: str) -> None:
    """Compute and number some organizations' month in the present transaction, without the engine."""
    run = JobRun.objects.create(job="monthly-billing", trigger=JobRun.Trigger.COMMAND)
    with transaction.atomic():
        _compute_and_number(month, organizations, run)


def bill_anew_here(month: Month, *organizations: str) -> None:
    """Void or credit what is issued of some organizations' month, and bill it anew, in the present transaction."""
    run = JobRun.objects.create(job="monthly-billing", trigger=JobRun.Trigger.COMMAND, reason="Billed anew")
    with transaction.atomic():
        supersede_invoices(organizations, month, run=run, now=ISSUED_AT)
        _compute_and_number(month, organizations, run)


def _compute_and_number(month: Month, organizations: Sequence[str], run: JobRun) -> None:
    computed = compute_invoices(organizations, month, run_id=run.pk)
    assert not computed.refused, computed.refused
    drafts = [draft.id for draft in computed.drafts.values() if draft.status == Invoice.Status.DRAFT]
    finalize_invoices(drafts, ISSUED_AT)


def let_time_pass(days: int) -> None:
    """Date back all that was written so far, as if that had been `days` ago."""
    moved = {
        "onlyfans_creatoraccount": ("changed_at",),
        "onlyfans_earningsaggregate": ("changed_at", "received_at"),
        "billing_usagehour": ("changed_at",),
        "billing_usageevent": ("received_at",),
        "billing_invoice": ("computed_at", "finalized_at"),
        "billing_commissionstatement": ("computed_at",),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, columns in moved.items():
            news = ", ".join(f"{column} = {column} - interval '{int(days)} days'" for column in columns)
            # The triggers would keep the dates that the database gave.
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"UPDATE {table} SET {news}")  # noqa: S608 - constants
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
