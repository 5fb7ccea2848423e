"""Deliveries that are switched off: shown where people look first, and switched on by whoever may, with a reason."""

import pytest
from django.urls import reverse

from accounts.models import AuditEntry
from billing.models import Books
from billing.services.books import stop_deliveries
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
FRONT, LIST, RESUME = (
    reverse(f"admin:{name}") for name in ("index", "billing_invoice_changelist", "billing_invoice_resume")
)
WHY = "Stripe has INV-2026-000004, which is not in our books."


@pytest.mark.parametrize("address", [FRONT, LIST])
def test_is_said_where_people_look_first(address: str) -> None:
    client = log_in("Finance")
    assert "Deliveries are switched off" not in client.get(address).text
    stop_deliveries(WHY, who="Comparing with Stripe")
    shown = client.get(address).text
    assert "Deliveries are switched off" in shown
    assert WHY in shown
    assert RESUME in shown


def test_the_button_is_for_those_who_correct_invoices() -> None:
    stop_deliveries(WHY, who="Comparing with Stripe")
    client = log_in("Support")
    shown = client.get(LIST).text
    assert WHY in shown
    assert RESUME not in shown
    assert client.post(RESUME, {"reason": "Why not"}).status_code == 403
    assert Books.objects.get().stopped_at is not None


def test_switching_on_wants_a_reason_and_leaves_an_entry() -> None:
    stop_deliveries(WHY, who="Comparing with Stripe")
    client = log_in("Finance")
    assert client.post(RESUME, {"reason": ""}).status_code == 200
    assert Books.objects.get().stopped_at is not None
    assert client.post(RESUME, {"reason": "Both books agree."})["Location"] == LIST
    assert Books.objects.get().stopped_at is None
    entry = AuditEntry.objects.latest("id")
    assert (entry.verb, entry.reason, entry.actor is not None) == ("resume", "Both books agree.", True)
    again = client.post(RESUME, {"reason": "Again"})
    assert "Deliveries are switched on already." in again.text
