"""Invoices as billing makes them, without a run."""

import datetime as dt
from typing import Any

from accounts.models import Organization
from billing.models import Invoice, InvoiceDelivery, InvoiceLine, PlanTerms
from billing.pricing import compute_tax
from billing.selectors.inputs import read_terms
from billing.services.computing import compute_invoices
from billing.services.delivering import deliver_file, deliver_pdf
from billing.services.delivering.claims import Parcel
from billing.services.numbering import finalize_invoices
from billing.services.terms import keep_terms
from common.clock import Month
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.holders import hold

ISSUED_AT = dt.datetime(2026, 9, 1, 2, tzinfo=dt.UTC)


def make_draft(organization: Organization, month: Month = AUGUST) -> Invoice:
    """Compute an organization's month; what came of it may be held."""
    computed = compute_invoices([organization.pk], month, run_id=None)
    return Invoice.objects.get(pk=computed.drafts[organization.pk].id)


def make_invoice(
    organization: Organization | None = None, month: Month = AUGUST, *, cents: int = 100_000, **account: Any
) -> Invoice:
    """Issue an invoice: 20 % of what a creator earned, unless the organization is told."""
    if organization is None:
        organization = make_organization(make_plan(base_fee_cents=1_000), account=account)
        earn(make_creator(organization), month, cents)
    draft = make_draft(organization, month)
    finalize_invoices([draft.pk], ISSUED_AT)
    draft.refresh_from_db()
    return draft


def make_held(cents: int = 100_000) -> Invoice:
    """Compute an invoice that waits for approval, for its total is above the account's cap."""
    organization = make_organization(account={"max_total_cents": 100})
    earn(make_creator(organization), AUGUST, cents)
    return make_draft(organization)


def store_pdf(invoice: Invoice) -> bytes:
    """Lay the PDF out and store it."""
    parcel = Parcel(invoice.pk, hold())
    deliver_pdf(parcel)
    deliver_file(parcel)
    return parcel.content or b""


def note_delivery(invoice: Invoice, step: str, status: str, **fields: Any) -> InvoiceDelivery:
    """Write down how a step of the delivery went."""
    return InvoiceDelivery.objects.create(invoice=invoice, step=step, status=status, attempts=1, **fields)


def deliver(invoice: Invoice | None) -> None:
    """Write down that each step of the delivery is done."""
    assert invoice
    for step in ("stripe", "pdf", "store", "email"):
        note_delivery(invoice, step, "done")


def issue_lines(
    *cents: int, tax_rate_bps: int = 0, organization: Organization | None = None, month: Month = AUGUST
) -> Invoice:
    """Issue a month's document of lines of these amounts, with a tax line where there is a rate."""
    organization = organization or make_organization()
    plan = organization.billing_account.plan
    terms = PlanTerms.objects.get(pk=keep_terms(read_terms([plan.pk]))[plan.pk])
    subtotal = sum(cents)
    tax = compute_tax(subtotal, tax_rate_bps, "USD")
    invoice = Invoice.objects.create(
        organization=organization, month=month.first_day, currency="USD", subtotal_cents=subtotal,
        tax_cents=tax.amount_cents, total_cents=subtotal + tax.amount_cents, terms=terms,
        kind=Invoice.Kind.CREDIT_NOTE if subtotal < 0 else Invoice.Kind.INVOICE,
    )  # fmt: skip
    lines: list[tuple[str, int, dict[str, Any]]] = [("usage", amount, {}) for amount in cents]
    if tax_rate_bps:
        lines.append(("tax", tax.amount_cents, tax.explanation))
    for position, (kind, amount, explanation) in enumerate(lines, start=1):
        InvoiceLine.objects.create(
            invoice=invoice, position=position, kind=kind, month=month.first_day, amount_cents=amount,
            description=f"Line {position}", explanation=explanation,
        )  # fmt: skip
    finalize_invoices([invoice.pk], ISSUED_AT)
    invoice.refresh_from_db()
    return invoice
