"""Billing as somebody in a hurry would write it, to show that the harness finds what is wrong with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.models import Invoice
    from jobs.engine.context import Context

NAME = "careless-billing"


def declare() -> None:
    """Declare monthly billing whose Stripe step calls first and writes down afterwards, without a key."""
    from billing.jobs import MonthlyBilling
    from jobs.registry import Step, job

    @job(NAME, title="Careless billing", queue="billing", moves_money=True)
    class CarelessBilling(MonthlyBilling):
        """Everything but the Stripe step is the real one."""

        def steps(self) -> Sequence[Step]:
            """Put the careless step in the place of the careful one."""
            careless = Step("stripe", self.bring_to_stripe, each=True, dry_run=False)
            return [careless if step.name == "stripe" else step for step in super().steps()]

        def bring_to_stripe(self, keys: Sequence[str], context: "Context") -> None:
            """Create whatever is not written down as created."""
            from billing.models import Invoice, InvoiceDelivery

            for key in keys:
                issued = Invoice.objects.filter(pk__in=self.find_invoices(key))
                for invoice in issued.exclude(deliveries__step="stripe"):
                    reference = _create(invoice)
                    InvoiceDelivery.objects.create(invoice=invoice, step="stripe", status="done", reference=reference)


def _create(invoice: "Invoice") -> str:
    import stripe
    from django.conf import settings

    from billing.providers.stripe_marks import DOCUMENT_MARK, ORGANIZATION_MARK, mark_organization
    from billing.services.books import identify

    client = stripe.StripeClient(settings.STRIPE_API_KEY, base_addresses={"api": settings.STRIPE_API_BASE}).v1
    organization, identity = invoice.organization, identify(invoice)
    mark = mark_organization(identity.installation, organization.pk)
    customer = client.customers.create({"email": organization.email, "metadata": {ORGANIZATION_MARK: mark}})
    made = client.invoices.create(
        {
            "customer": customer.id,
            "collection_method": "send_invoice",
            "days_until_due": 14,
            "number": invoice.number or "",
            "metadata": {DOCUMENT_MARK: str(identity)},
        }
    )
    client.invoices.add_lines(made.id, {"lines": [{"amount": invoice.total_cents, "description": "All"}]})
    client.invoices.finalize_invoice(made.id)
    return made.id
