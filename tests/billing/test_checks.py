"""What alerts hear of billing."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.checks import (
    find_broken_series,
    find_differing,
    find_disputed,
    find_failed_deliveries,
    find_failed_events,
    find_held,
    find_waiting_events,
)
from billing.models import Invoice, InvoiceDelivery, NumberSeries, StripeEvent, StripeRecord
from common.clock import now
from tests.factories.invoices import deliver, make_held, make_invoice, note_delivery
from tests.factories.ledger import make_run

pytestmark = pytest.mark.django_db


def test_held_for_days() -> None:
    invoices = [make_held(), make_held()]
    Invoice.objects.update(computed_at=now() - dt.timedelta(days=2, hours=23))
    assert list(find_held()) == []
    since = now() - dt.timedelta(days=4)
    Invoice.objects.filter(pk=invoices[0].pk).update(computed_at=since)
    (found,) = find_held()
    name = f"invoice for {invoices[0].period.label} of {invoices[0].organization}"
    assert (found.scope, found.title, found.since) == ("held", f"The {name} needs approval", since)
    assert (
        found.detail == f"Held for more than 3 days: {name}. Nothing is billed until somebody approves or rejects it."
    )
    assert found.permission == "billing.approve_invoice"
    assert found.link.endswith("?status__exact=held")


def test_failed_deliveries_by_step() -> None:
    first, second = make_invoice(), make_invoice()
    note_delivery(first, "stripe", "failed", error="Stripe is down.")
    note_delivery(second, "stripe", "unknown")
    note_delivery(first, "email", "failed", error="Nobody is there.")
    note_delivery(second, "email", "done")
    assert list(find_failed_deliveries()) == [], "a run may still be at it"
    InvoiceDelivery.objects.update(created_at=now() - dt.timedelta(minutes=11))
    found = {finding.scope: (finding.title, finding.count) for finding in find_failed_deliveries()}
    names = [f"invoice {invoice.number} of {invoice.organization}" for invoice in (first, second)]
    assert found == {"stripe": ("Stripe failed for 2 invoices", 2), "email": (f"E-mail failed for {names[0]}", 1)}
    said = {finding.scope: finding.detail for finding in find_failed_deliveries()}
    assert said == {
        "stripe": f"Not delivered: {names[0]} and {names[1]}. Stripe is down.",
        "email": f"Not delivered: {names[0]}. Nobody is there.",
    }


def test_deliveries_that_never_began() -> None:
    none, half, failed, whole = make_invoice(), make_invoice(), make_invoice(), make_invoice()
    note_delivery(half, "pdf", "done")
    note_delivery(failed, "stripe", "failed")
    deliver(whole)
    Invoice.objects.update(finalized_at=now() - dt.timedelta(minutes=9))
    assert list(find_failed_deliveries()) == []
    since = now() - dt.timedelta(minutes=11)
    Invoice.objects.update(finalized_at=since)
    (found,) = find_failed_deliveries()
    names = [f"invoice {invoice.number} of {invoice.organization}" for invoice in (none, half)]
    assert (found.scope, found.title, found.count) == ("not begun", "2 invoices were not delivered", 2)
    assert found.detail.startswith(f"Issued, but never or only partly delivered: {names[0]} and {names[1]}. ")
    assert (found.since, found.permission) == (since, "billing.deliver_invoice")
    make_run(status="running", params={"month": str(none.period), "organizations": [], "deliver": True})
    assert list(find_failed_deliveries()) == []


def test_of_many_the_first_are_named() -> None:
    invoices = [make_invoice() for _ in range(5)]
    for invoice in invoices:
        note_delivery(invoice, "email", "failed")
    InvoiceDelivery.objects.update(created_at=now() - dt.timedelta(minutes=11))
    (found,) = find_failed_deliveries()
    names = [f"invoice {invoice.number} of {invoice.organization}" for invoice in invoices]
    assert found.detail == f"Not delivered: {', '.join(names[:3])} and 2 more."


def test_a_gap_in_the_numbers() -> None:
    for _ in range(3):
        make_invoice()
    assert list(find_broken_series()) == []
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert list(find_broken_series()) == []
    assert len(queries) == 1, "what was proved is not counted again"
    NumberSeries.objects.update(last_number=4)
    (found,) = find_broken_series()
    assert (found.scope, found.count) == ("INV-2026", 1)
    assert "1 missing, the first INV-2026-000004" in found.detail


def _event(**fields: Any) -> StripeEvent:
    number = StripeEvent.objects.count()
    values = {"type": "invoice.paid", "created_at": now(), "source": "webhook", "body": {}, **fields}
    return StripeEvent.objects.create(event_id=f"evt_{number}", **values)


def test_failed_events() -> None:
    _event(status="done")
    assert list(find_failed_events()) == []
    _event(status="dead", error="First.")
    _event(status="dead", error="Last.")
    (found,) = find_failed_events()
    assert (found.title, found.count) == ("2 Stripe events failed", 2)
    assert found.detail == "Not processed: invoice.paid and invoice.paid. Last."


def test_a_failed_event_names_its_invoice_and_customer() -> None:
    invoice = make_invoice()
    _event(status="dead", invoice=invoice, error="No such invoice.")
    (found,) = find_failed_events()
    name = f"invoice.paid about invoice {invoice.number} of {invoice.organization}"
    assert (found.title, found.detail) == (
        f"A Stripe event failed: {name}", f"Not processed: {name}. No such invoice.",
    )  # fmt: skip


def test_events_that_nobody_looks_at() -> None:
    long_ago = now() - dt.timedelta(minutes=11)
    _event()
    _event(received_at=long_ago, status="done")
    _event(received_at=long_ago, attempts=1, error="Later.")
    assert list(find_waiting_events()) == []
    _event(received_at=long_ago)
    (found,) = find_waiting_events()
    assert (found.title, found.since, found.count) == (
        "A Stripe event is not being processed: invoice.paid",
        long_ago,
        1,
    )


def test_invoices_that_differ_from_stripe() -> None:
    invoice = make_invoice()
    StripeRecord.objects.create(invoice=invoice, stripe_invoice="in_1", state="open")
    assert list(find_differing()) == []
    StripeRecord.objects.update(state="void")
    (found,) = find_differing()
    name = f"invoice {invoice.number} of {invoice.organization}"
    assert (found.title, found.count) == (f"The {name} differs from Stripe", 1)


def test_disputes_that_need_a_response() -> None:
    invoice = make_invoice()
    StripeRecord.objects.create(invoice=invoice, stripe_invoice="in_1", state="paid", dispute="under_review")
    assert list(find_disputed()) == []
    StripeRecord.objects.update(dispute="needs_response")
    (found,) = find_disputed()
    name = f"invoice {invoice.number} of {invoice.organization}"
    assert (found.title, found.count) == (f"The dispute about {name} needs a response", 1)
    assert found.link == "/admin/billing/invoice/?payment=disputed"
