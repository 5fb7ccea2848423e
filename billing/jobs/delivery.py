"""Delivering: the steps that monthly billing ends with, and the job that repeats them for chosen invoices."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from pydantic import Field

from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.services.delivering import (
    deliver_email,
    deliver_file,
    deliver_pdf,
    deliver_stripe,
    deliver_stripe_void,
)
from billing.services.delivering.claims import Holder
from jobs.engine.context import Context
from jobs.registry import Job, JobParams, Step, job

FindInvoices = Callable[[str], list[int]]


def delivery_steps(find: FindInvoices, params: Any) -> tuple[Step, ...]:
    """Make the steps that deliver what `find` finds for a key, as far as settings and parameters want them."""
    steps = [Step("pdf", _pdf(find), each=True, dry_run=False), Step("store", _store(find), each=True, dry_run=False)]
    if settings.INVOICE_ENABLE_STRIPE and params.stripe:
        steps.append(Step("stripe", _stripe(find), each=True, dry_run=False))
    if settings.INVOICE_ENABLE_EMAIL and params.email:
        steps.append(Step("email", _email(find), each=True, dry_run=False))
    return tuple(steps)


def _pdf(find: FindInvoices) -> Callable[[Sequence[str], Context], None]:
    def run(keys: Sequence[str], context: Context) -> None:
        for key in keys:
            # The bytes go to the next steps; after a crash they are laid out again, or read from the storage.
            context.scratch["pdf", key] = {id_: deliver_pdf(id_, Holder(*context.holder(key))) for id_ in find(key)}

    return run


def _store(find: FindInvoices) -> Callable[[Sequence[str], Context], None]:
    def run(keys: Sequence[str], context: Context) -> None:
        for key in keys:
            made = context.scratch.get(("pdf", key), {})
            for id_ in find(key):
                deliver_file(id_, Holder(*context.holder(key)), made.get(id_))

    return run


def _stripe(find: FindInvoices) -> Callable[[Sequence[str], Context], None]:
    def run(keys: Sequence[str], context: Context) -> None:
        for key in keys:
            for id_ in find(key):
                if BillingAccount.objects.filter(organization__invoices=id_, deliver_stripe=True).exists():
                    deliver_stripe(id_, Holder(*context.holder(key)))

    return run


def _email(find: FindInvoices) -> Callable[[Sequence[str], Context], None]:
    def run(keys: Sequence[str], context: Context) -> None:
        for key in keys:
            made = context.scratch.pop(("pdf", key), {})
            for id_ in find(key):
                if BillingAccount.objects.filter(organization__invoices=id_, deliver_email=True).exists():
                    deliver_email(id_, Holder(*context.holder(key)), content=made.get(id_))

    return run


def void_steps(find: FindInvoices) -> tuple[Step, ...]:
    """Make the step that voids in Stripe what `find` finds for a key, where there is a Stripe."""

    def run(keys: Sequence[str], context: Context) -> None:
        for key in keys:
            for id_ in find(key):
                deliver_stripe_void(id_, Holder(*context.holder(key)))

    return (Step("void", run, each=True, dry_run=False),) if settings.INVOICE_ENABLE_STRIPE else ()


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
        return ways + again + void_steps(self._find_void)

    @staticmethod
    def _find_issued(key: str) -> list[int]:
        found = Invoice.objects.filter(pk=key, number__isnull=False).exclude(status=Invoice.Status.VOID)
        return list(found.values_list("pk", flat=True))

    @staticmethod
    def _find_void(key: str) -> list[int]:
        asked = InvoiceDelivery.objects.filter(invoice_id=int(key), step=InvoiceDelivery.Step.STRIPE_VOID)
        return list(asked.exclude(status=InvoiceDelivery.Status.DONE).values_list("invoice", flat=True))

    def resend(self, keys: Sequence[str], context: Context) -> None:
        """Send the e-mails that were asked for again."""
        for key in keys:
            asked = InvoiceDelivery.objects.filter(invoice_id=int(key), step=InvoiceDelivery.Step.EMAIL, sequence__gt=1)
            for sequence in asked.exclude(status=InvoiceDelivery.Status.DONE).values_list("sequence", flat=True):
                deliver_email(int(key), Holder(*context.holder(key)), sequence)

    @classmethod
    def link(cls, key: str, result: dict[str, Any]) -> tuple[str, str] | None:
        """Lead to the invoice."""
        return f"Invoice {key}", f"billing_invoice:{key}"
