"""What alerts hear of billing."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.checks import find_broken_series, find_failed_deliveries, find_held
from billing.models import Invoice, InvoiceDelivery, NumberSeries
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
