"""A person's decision on a held invoice, and what follows from it."""

from typing import TYPE_CHECKING

from django.db import transaction

from billing.services.correcting import approve_invoice
from common.clock import Month
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

if TYPE_CHECKING:
    from accounts.models import User


@transaction.atomic
def approve_and_bill(invoice_id: int, *, actor: "User | None", reason: str) -> JobRun:
    """Approve a held invoice and start its month's billing for its organization; return that run."""
    invoice = approve_invoice(invoice_id, actor=actor, reason=reason)
    job = get_job("monthly-billing")
    params = read_params(job, {"month": Month.of(invoice.month), "organizations": [invoice.organization_id]})
    run, _ = start(job, params, JobRun.Trigger.ADMIN, actor=actor, reason=reason or "Approved")
    return run
