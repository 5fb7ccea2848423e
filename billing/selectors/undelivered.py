"""What is not delivered: what failed, what ended nobody knows how, and what nobody has begun."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.selectors.invoices import list_months
from common.clock import Month
from jobs.models import JobRun

Step = InvoiceDelivery.Step
Status = InvoiceDelivery.Status
FAILED = (Status.FAILED, Status.UNKNOWN)
NOT_BEGUN = "Not begun"
# Steps that are wanted where a setting and the billing account say so; all others always are.
_OPTIONAL = {
    Step.STRIPE: ("INVOICE_ENABLE_STRIPE", "deliver_stripe"),
    Step.EMAIL: ("INVOICE_ENABLE_EMAIL", "deliver_email"),
}
_WAYS = (Step.STRIPE, Step.PDF, Step.STORE, Step.EMAIL)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not delivered: which step, how it stands, and what was said."""

    invoice: Invoice
    step: str
    status: str
    error: str = ""


def list_wanted_steps(account: BillingAccount | None) -> list[InvoiceDelivery.Step]:
    """List the steps by which an account's documents are delivered."""
    return [step for step in _WAYS if _is_on(step) and (step not in _OPTIONAL or _wants(account, step))]


def _is_on(step: InvoiceDelivery.Step) -> bool:
    return step not in _OPTIONAL or bool(getattr(settings, _OPTIONAL[step][0]))


def _wants(account: BillingAccount | None, step: InvoiceDelivery.Step) -> bool:
    return bool(getattr(account, _OPTIONAL[step][1], False))


def list_failed_deliveries(step: str = "", statuses: Iterable[str] = FAILED) -> QuerySet[InvoiceDelivery]:
    """List what could not be delivered or ended nobody knows how, at a step or at any."""
    failed = InvoiceDelivery.objects.filter(status__in=list(statuses))
    return failed.filter(step=step) if step else failed


def list_waiting_voids() -> QuerySet[InvoiceDelivery]:
    """List what is void here, is not void in Stripe yet, and no run is working on."""
    # Nothing but these conditions keeps the database from reading every delivery there is: few invoices are void.
    void = Invoice.objects.filter(status=Invoice.Status.VOID, month__in=[month.first_day for month in list_months()])
    left = void.exclude(_is_worked_on())
    return InvoiceDelivery.objects.filter(step=Step.STRIPE_VOID, status=Status.PENDING, invoice__in=left)


def list_unbegun(step: str = "") -> QuerySet[Invoice]:
    """List the finalized documents of which a wanted step, or any, was never begun, and no run is working on.

    Where another step failed, that is the reason, and they are listed for that.
    """
    failed = list_failed_deliveries().order_by().values("invoice")
    return keep_unbegun(Invoice.objects.exclude(_is_worked_on()), step).exclude(pk__in=failed)


def keep_unbegun(invoices: QuerySet[Invoice], step: str = "") -> QuerySet[Invoice]:
    """Keep the finalized documents of which a wanted step, or any, was never begun."""
    # Each step by itself is a join for the database; several in one condition would be looked up row by row.
    found = [_list_without(way).values("pk") for way in _WAYS if _is_on(way) and step in {"", way}]
    return invoices.filter(pk__in=found[0].union(*found[1:]) if found[1:] else found[0]) if found else invoices.none()


def _list_without(step: InvoiceDelivery.Step) -> QuerySet[Invoice]:
    begun = InvoiceDelivery.objects.filter(invoice=OuterRef("pk"), step=step).exclude(status=Status.PENDING)
    wanted = {f"organization__billing_account__{_OPTIONAL[step][1]}": True} if step in _OPTIONAL else {}
    return Invoice.objects.filter(~Exists(begun), status=Invoice.Status.FINALIZED, **wanted).order_by()


def _is_worked_on() -> Q:
    """Match the documents that a run which has not ended is to deliver."""
    found = Q(pk__in=[])
    runs = JobRun.objects.filter(status__in=JobRun.ACTIVE, dry_run=False)
    for params in runs.filter(job="deliver-invoices").values_list("params", flat=True):
        found |= Q(pk__in=params.get("invoices", ()))
    for params in runs.filter(job="monthly-billing", params__deliver=True).values_list("params", flat=True):
        named = {"organization__in": params["organizations"]} if params["organizations"] else {}
        found |= Q(month=Month.parse(params["month"]).first_day, **named)
    return found


def list_troubles(limit: int) -> list[Trouble]:
    """List what is not delivered, the newest invoices first; of each kind at most so many."""
    deliveries = (list_failed_deliveries(), list_waiting_voids())
    found = [
        Trouble(delivery.invoice, delivery.get_step_display(), delivery.get_status_display(), delivery.error)
        for listed in deliveries
        for delivery in listed.select_related("invoice__organization").order_by("-invoice", "id")[:limit]
    ]
    unbegun = list_unbegun().select_related("organization__billing_account").prefetch_related("deliveries")
    found += [Trouble(invoice, _name_unbegun(invoice), NOT_BEGUN) for invoice in unbegun.order_by("-id")[:limit]]
    return sorted(found, key=lambda trouble: -trouble.invoice.pk)[:limit]


def _name_unbegun(invoice: Invoice) -> str:
    begun = {delivery.step for delivery in invoice.deliveries.all() if delivery.status != Status.PENDING}
    left = [step.label for step in list_wanted_steps(invoice.organization.billing_account) if step not in begun]
    return ", ".join(left) if begun else "All of it"


def list_undelivered(invoices: QuerySet[Invoice], step: str = "") -> QuerySet[Invoice]:
    """Keep the invoices of which a step of the delivery, or any, failed, is in doubt, or was never begun."""
    found: list[QuerySet[Any, Any]] = [list_failed_deliveries(step).order_by().values("invoice")]
    if step in {"", Step.STRIPE_VOID}:
        found.append(list_waiting_voids().order_by().values("invoice"))
    if step != Step.STRIPE_VOID:
        found.append(list_unbegun(step).order_by().values("pk"))
    return invoices.filter(pk__in=found[0].union(*found[1:]))


def keep_failed(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Keep the invoices of which a step of the delivery failed or ended nobody knows how."""
    return invoices.filter(pk__in=list_failed_deliveries().order_by().values("invoice"))


def list_doubtful(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """Keep the invoices of which a step of the delivery ended nobody knows how."""
    doubtful = list_failed_deliveries(statuses=[Status.UNKNOWN])
    return invoices.filter(pk__in=doubtful.order_by().values("invoice"))
