"""The demo's former months: billed, delivered and paid as they would have been, each in the month after its own."""

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User
from billing.models import BillingAccount, Invoice, InvoiceAction, InvoiceDelivery, Payment, StripeRecord
from billing.services.balances import refresh_balances
from billing.services.payments import record_payment
from common.clock import Month, clock_set_to
from jobs.engine import work
from jobs.models import JobItem, JobRun
from jobs.registry import get_job
from jobs.services import read_params, start

# Who pays by bank transfer; everybody else pays in Stripe.
BY_TRANSFER = ("org_demo04", "org_demo08", "org_demo13", "org_demo19")
_PAID_IN_PART, _UNPAID = "org_demo04", "org_demo13"
_BILLED_AFTER = dt.timedelta(hours=2)


def bill_former_month(month: Month, *, is_last: bool) -> None:
    """Bill a month as its schedule would have on the first of the next, and let customers pay; once."""
    if not JobRun.objects.filter(job="monthly-billing", params__month=str(month), finished_at__isnull=False).exists():
        moment = month.ends_at + _BILLED_AFTER
        job = get_job("monthly-billing")
        with clock_set_to(moment):
            # Stripe takes no invoice of the past.
            params = read_params(job, {"month": month, "stripe": False})
            run, _ = start(job, params, JobRun.Trigger.COMMAND, reason="Demo data")
            work(run.pk, wait=True)
        _date_back(run, moment)
    _settle(month, leaves_some=is_last)


@transaction.atomic
def _date_back(run: JobRun, moment: dt.datetime) -> None:
    """Move what was written by the database's clock to when it would have been."""
    began_at, shift = run.created_at, moment - run.created_at
    written: tuple[tuple[QuerySet[Any], tuple[str, ...]], ...] = (
        (InvoiceDelivery.objects.filter(held_by_item__in=run.items.values("pk")), ("created_at", "done_at")),
        (Invoice.objects.filter(run=run), ("computed_at",)),
        (JobItem.objects.filter(run=run), ("started_at", "finished_at")),
        (JobRun.objects.filter(pk=run.pk), ("created_at", "started_at", "finished_at")),
    )
    for rows, names in written:
        for name in names:
            rows.filter(**{f"{name}__gte": began_at}).update(**{name: F(name) + shift})


@transaction.atomic
def _settle(month: Month, *, leaves_some: bool) -> None:
    issued = Invoice.objects.filter(status=Invoice.Status.FINALIZED, month=month.first_day, payments=None)
    by_transfer = issued.filter(organization__in=BY_TRANSFER, total_cents__gt=0)
    in_stripe = issued.exclude(organization__in=BY_TRANSFER)
    _settle_in_stripe(list(in_stripe))
    for invoice in by_transfer.exclude(organization=_UNPAID) if leaves_some else by_transfer:
        is_part = leaves_some and invoice.organization_id == _PAID_IN_PART
        _transfer(invoice, invoice.remaining_cents // 2 if is_part else invoice.remaining_cents)


def _settle_in_stripe(invoices: list[Invoice]) -> None:
    """Let invoices be in Stripe, and paid there some days later."""
    for invoice in invoices:
        issued_at, reference = invoice.finalized_at or invoice.computed_at, f"in_demo{invoice.pk}"
        paid_at = issued_at + dt.timedelta(days=4 + invoice.pk % 9, hours=invoice.pk % 12)
        InvoiceDelivery.objects.create(
            invoice=invoice,
            step=InvoiceDelivery.Step.STRIPE,
            status=InvoiceDelivery.Status.DONE,
            attempts=1,
            reference=reference,
            created_at=issued_at,
            done_at=issued_at,
        )
        StripeRecord.objects.create(
            invoice=invoice,
            stripe_invoice=reference,
            state=StripeRecord.State.PAID,
            amount_paid_cents=max(invoice.total_cents, 0),
            paid_at=paid_at,
            attempts=1,
        )
    refresh_balances([invoice.pk for invoice in invoices])


def _transfer(invoice: Invoice, cents: int) -> None:
    """Let finance record a transfer that came in before the invoice was due."""
    day = (invoice.issue_date or invoice.month) + dt.timedelta(days=5 + invoice.pk % 6)
    at = dt.datetime.combine(day, dt.time(9, 30), tzinfo=dt.UTC)
    with clock_set_to(at):
        payment = record_payment(
            invoice.pk,
            amount_cents=cents,
            received_date=day,
            method=Payment.Method.BANK_TRANSFER,
            reference=f"Invoice {invoice.number}",
            actor=User.objects.get(email="finance@huntaze.test"),
        )
    Payment.objects.filter(pk=payment.pk).update(recorded_at=at)
    InvoiceAction.objects.filter(invoice=invoice, verb=InvoiceAction.Verb.PAYMENT).update(at=at)


def pay_by_transfer() -> None:
    """Keep those who pay by transfer out of Stripe."""
    BillingAccount.objects.filter(organization__in=BY_TRANSFER).update(deliver_stripe=False)
