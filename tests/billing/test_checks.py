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
from tests.factories.invoices import make_held, make_invoice, note_delivery

pytestmark = pytest.mark.django_db


def test_held_for_days() -> None:
    invoices = [make_held(), make_held()]
    Invoice.objects.update(computed_at=now() - dt.timedelta(days=2, hours=23))
    assert list(find_held()) == []
    since = now() - dt.timedelta(days=4)
    Invoice.objects.filter(pk=invoices[0].pk).update(computed_at=since)
    (found,) = find_held()
    assert (found.scope, found.title, found.since) == ("held", "An invoice waits for approval", since)
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
    assert found == {"stripe": ("Stripe failed for 2 invoices", 2), "email": ("E-mail failed for an invoice", 1)}


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
    _event(status="failed", error="First.")
    _event(status="failed", error="Last.")
    (found,) = find_failed_events()
    assert (found.title, found.detail, found.count) == ("2 of Stripe's events failed", "Last.", 2)


def test_events_that_nobody_looks_at() -> None:
    long_ago = now() - dt.timedelta(minutes=11)
    _event()
    _event(received_at=long_ago, status="done")
    _event(received_at=long_ago, attempts=1, error="Later.")
    assert list(find_waiting_events()) == []
    _event(received_at=long_ago)
    (found,) = find_waiting_events()
    assert (found.title, found.since, found.count) == ("An event of Stripe's waits", long_ago, 1)


def test_invoices_that_differ_from_stripe() -> None:
    invoice = make_invoice()
    StripeRecord.objects.create(invoice=invoice, stripe_invoice="in_1", state="open")
    assert list(find_differing()) == []
    StripeRecord.objects.update(state="void")
    (found,) = find_differing()
    assert (found.title, found.count) == ("An invoice differs from Stripe", 1)


def test_disputes_that_need_a_response() -> None:
    StripeRecord.objects.create(invoice=make_invoice(), stripe_invoice="in_1", state="paid", dispute="under_review")
    assert list(find_disputed()) == []
    StripeRecord.objects.update(dispute="needs_response")
    (found,) = find_disputed()
    assert (found.title, found.count) == ("A dispute needs a response", 1)
    assert found.link == "/admin/billing/invoice/?payment=disputed"
