"""Delivering: the steps that monthly billing ends with, and the job that repeats them for chosen invoices."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from pydantic import Field

from billing.models import Invoice, InvoiceDelivery, InvoiceLine
from billing.services.delivering import (
    deliver_email,
    deliver_file,
    deliver_pdf,
    deliver_stripe,
    deliver_stripe_void,
)
from billing.services.delivering.claims import Holder, Parcel, read_parcels
from billing.services.delivering.leaving import leave_undelivered
from jobs.engine.context import Context
from jobs.registry import Job, JobParams, Step, job

FindInvoices = Callable[[str], list[int]]


ListIssued = Callable[[Sequence[str]], QuerySet[Invoice]]
# Keys with the ids of the documents that are to be voided for them.
ListAsked = Callable[[Sequence[str]], Iterable[tuple[str | int, int]]]
# Above it, each document is read when its turn comes: all lines of a batch are in memory together.
_MOST_LINES = 20_000
# No text, since texts there are keys of items.
_READ, _ASKED = ("delivery", "parcels"), ("delivery", "voids")


def delivery_steps(find: FindInvoices, params: Any, list_issued: ListIssued | None = None) -> tuple[Step, ...]:
    """Make the steps that deliver what `find` finds for a key, as far as settings and parameters want them.

    Where keys are organizations, `list_issued` finds the same for many of them, so that a batch is read at once.
    """
    parcels = _Parcels(find, list_issued)
    ways = [("pdf", deliver_pdf), ("store", deliver_file)]
    if settings.INVOICE_ENABLE_STRIPE and params.stripe:
        # First: Stripe uses up the customer's balance, and what is left to pay stands on the PDF.
        ways.insert(0, ("stripe", _to_stripe))
    if settings.INVOICE_ENABLE_EMAIL and params.email:
        ways.append(("email", _by_email))
    return tuple(_step(name, parcels, deliver, is_last=name == ways[-1][0]) for name, deliver in ways)


def _step(name: str, parcels: "_Parcels", deliver: Callable[[Parcel], None], *, is_last: bool) -> Step:
    def run(keys: Sequence[str], context: Context) -> None:
        for key in keys:
            taken = parcels.take(key, context)
            for parcel in taken:
                deliver(parcel)
            if not is_last:
                parcels.hand_on(key, taken, context)

    return Step(name, run, each=True, dry_run=False)


class _Parcels:
    """What one step has read or made goes to the next; after a crash it is read, or made, again."""

    def __init__(self, find: FindInvoices, list_issued: ListIssued | None) -> None:
        self._find, self._list_issued = find, list_issued
        self._lock = threading.Lock()

    def take(self, key: str, context: Context) -> list[Parcel]:
        with self._lock:
            if _READ not in context.scratch:
                context.scratch[_READ] = self._read_all(context)
            found: list[Parcel] | None = context.scratch[_READ].pop(key, None)
        return [Parcel(id_, Holder(*context.holder(key))) for id_ in self._find(key)] if found is None else found

    def hand_on(self, key: str, parcels: list[Parcel], context: Context) -> None:
        with self._lock:
            context.scratch[_READ][key] = parcels

    def _read_all(self, context: Context) -> dict[str, list[Parcel]]:
        if self._list_issued is None:
            return {}
        issued = self._list_issued(context.alive(list(context.items)))
        if InvoiceLine.objects.filter(invoice__in=issued).count() > _MOST_LINES:
            return {}
        return read_parcels(issued, lambda key: Holder(*context.holder(key)))


def _to_stripe(parcel: Parcel) -> None:
    if parcel.invoice.organization.billing_account.deliver_stripe:
        deliver_stripe(parcel)


def _by_email(parcel: Parcel) -> None:
    if parcel.invoice.organization.billing_account.deliver_email:
        deliver_email(parcel)


def void_steps(list_asked: ListAsked) -> tuple[Step, ...]:
    """Make the step that voids in Stripe, where there is a Stripe, what was asked for until a batch comes to it.

    Few documents are void, so `list_asked` finds those of a whole batch at once. What is asked for later has a run of
    its own.
    """
    voids = _Voids(list_asked)
    return (Step("void", voids.run, each=True, dry_run=False),) if settings.INVOICE_ENABLE_STRIPE else ()


class _Voids:
    def __init__(self, list_asked: ListAsked) -> None:
        self._list_asked = list_asked
        self._lock = threading.Lock()

    def run(self, keys: Sequence[str], context: Context) -> None:
        asked = self._read(context)
        for key in keys:
            for id_ in asked.get(key, ()):
                deliver_stripe_void(Parcel(id_, Holder(*context.holder(key))))

    def _read(self, context: Context) -> Mapping[str, list[int]]:
        with self._lock:
            if _ASKED not in context.scratch:
                found = defaultdict(list)
                for key, id_ in self._list_asked(list(context.items)):
                    found[str(key)].append(id_)
                context.scratch[_ASKED] = found
            asked: Mapping[str, list[int]] = context.scratch[_ASKED]
        return asked


@job(
    "deliver-invoices",
    title="Deliver invoices",
    queue="billing",
    permission="billing.deliver_invoice",
    batch_size=50,
)
class DeliverInvoices(Job):
    """Does what is not done yet to deliver chosen invoices: retries, e-mails sent again, voids in Stripe."""

    class Params(JobParams):
        """Which invoices, and which ways."""

        invoices: tuple[int, ...] = Field(description="The ids of the invoices.")
        stripe: bool = Field(True, description="Create the invoices in Stripe.")
        email: bool = Field(True, description="Send the invoices by e-mail.")

    def check(self) -> dict[str, str]:
        """Refuse ids that are no invoices'."""
        known = Invoice.objects.filter(pk__in=self.params.invoices).values_list("pk", flat=True)
        unknown = sorted(set(self.params.invoices) - set(known))
        return {"invoices": f"There is no invoice {', '.join(map(str, unknown))}."} if unknown else {}

    def keys(self) -> Iterable[str]:
        """Expect the chosen invoices."""
        return [str(id_) for id_ in dict.fromkeys(self.params.invoices)]

    def steps(self) -> Sequence[Step]:
        """List the steps."""
        ways = delivery_steps(self._find_issued, self.params)
        again = (Step("resend", self.resend, each=True),) if settings.INVOICE_ENABLE_EMAIL else ()
        return ways + again + void_steps(self._list_void)

    @staticmethod
    def _find_issued(key: str) -> list[int]:
        found = Invoice.objects.filter(pk=key, number__isnull=False).exclude(status=Invoice.Status.VOID)
        return list(found.values_list("pk", flat=True))

    @staticmethod
    def _list_void(keys: Sequence[str]) -> Iterable[tuple[int, int]]:
        asked = InvoiceDelivery.objects.filter(invoice__in=map(int, keys), step=InvoiceDelivery.Step.STRIPE_VOID)
        return asked.exclude(status=InvoiceDelivery.Status.DONE).values_list("invoice", "invoice")

    def resend(self, keys: Sequence[str], context: Context) -> None:
        """Send the e-mails that were asked for again; of what is void, none."""
        leave_undelivered(map(int, keys))
        for key in keys:
            asked = InvoiceDelivery.objects.filter(invoice_id=int(key), step=InvoiceDelivery.Step.EMAIL, sequence__gt=1)
            for sequence in asked.exclude(status=InvoiceDelivery.Status.DONE).values_list("sequence", flat=True):
                deliver_email(Parcel(int(key), Holder(*context.holder(key))), sequence)

    @classmethod
    def names(cls, keys: Sequence[str]) -> dict[str, str]:
        """Name the invoices by number and organization."""
        found = Invoice.objects.filter(pk__in=[int(key) for key in keys]).select_related("organization")
        return {str(invoice.pk): f"{invoice}, {invoice.organization}" for invoice in found}

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Lead to the invoice."""
        return f"Invoice {key}", f"billing_invoice:{key}"
