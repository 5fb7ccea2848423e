"""Invoices as billing makes them, without a run."""

import datetime as dt
from typing import Any

from accounts.models import Organization
from billing.models import Invoice, InvoiceDelivery
from billing.services.computing import compute_invoices
from billing.services.delivering import deliver_file, deliver_pdf
from billing.services.delivering.claims import Parcel
from billing.services.numbering import finalize_invoices
from common.clock import Month
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.holders import hold

ISSUED_AT = dt.datetime(2026, 9, 1, 2, tzinfo=dt.UTC)


def make_draft(organization: Organization, month: Month = AUGUST) -> Invoice:
    """Compute an organization's month; what came of it may be held."""
    computed = compute_invoices([organization.pk], month, run_id=None, now=ISSUED_AT)
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
