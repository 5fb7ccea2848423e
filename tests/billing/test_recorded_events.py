"""What the event log is told of invoices: once each, with what happens and not without it."""

import datetime as dt

import pytest
from django.db import transaction

from analytics.models import Event
from billing.models import Invoice, NumberSeries
from billing.services import recording
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.recording import record_issued
from common.clock import now
from jobs.models import JobRun
from tests.factories.billing import make_organization
from tests.factories.events import happen, hear, make_sent
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.jobs.spine import run_job
from tests.outside import Outside, wired

__all__ = ["wired"]
pytestmark = pytest.mark.django_db


def told(name: str) -> dict[str, Event]:
    """The events of a name by the number of the document that they are about."""
    return {event.properties["number"]: event for event in Event.objects.filter(name=name)}


def number(invoice: Invoice) -> str:
    assert invoice.number
    return invoice.number


def test_a_voided_invoice_is_told_with_its_voiding() -> None:
    invoice = make_invoice()
    with pytest.raises(RuntimeError), transaction.atomic():
        void_invoice(invoice.pk, actor=None, reason="Wrong")
        raise RuntimeError
    assert not Event.objects.exists()
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    event = Event.objects.get()
    assert (event.name, event.organization_id, event.source) == ("invoice.voided", invoice.organization_id, "billing")
    assert event.idempotency_key == f"invoice.voided:{invoice.pk}"
    assert event.properties == {
        "number": invoice.number,
        "kind": "invoice",
        "month": "2026-08",
        "total_cents": invoice.total_cents,
        "currency": "USD",
    }
    assert now() - event.occurred_at < dt.timedelta(minutes=1)


def test_a_credit_note_is_told_with_what_it_corrects() -> None:
    invoice = make_invoice()
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    event = Event.objects.get()
    assert (event.name, event.properties["number"], event.properties["corrects"]) == (
        "invoice.credited", note.number, invoice.number
    )  # fmt: skip
    assert event.properties["total_cents"] == -invoice.total_cents


@pytest.mark.usefixtures("one_thread")
def test_a_paid_invoice_is_told_once_when_it_was_paid(wired: Outside) -> None:
    (invoice, stripe_id), _ = make_sent(), make_sent()
    happen(wired, stripe_id, "pay")
    hear(wired)
    hear(wired)
    (there,) = [one for one in wired.list_objects("invoice") if one["id"] == stripe_id]
    event = Event.objects.get()
    assert (event.name, event.properties["number"]) == ("invoice.paid", invoice.number)
    assert event.occurred_at == dt.datetime.fromtimestamp(there["status_transitions"]["paid_at"], dt.UTC)


def test_issued_invoices_are_told_later_each_once_and_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_BATCH", 2)
    invoices = [make_invoice() for _ in range(3)]
    assert not Event.objects.exists()
    series = NumberSeries.objects.get()
    assert [record_issued(series.pk) for _ in range(3)] == [2, 1, 0]
    events = told("invoice.issued")
    assert events.keys() == {number(invoice) for invoice in invoices}
    assert {event.occurred_at for event in events.values()} == {ISSUED_AT}
    later = make_invoice(make_organization(), cents=0)
    assert later.number is None
    NumberSeries.objects.update(recorded_number=0)
    assert [record_issued(series.pk) for _ in range(3)] == [2, 1, 0]
    assert Event.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_the_job_goes_through_every_series() -> None:
    invoice = make_invoice()
    credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    run = run_job("record-issued-invoices")
    assert (run.status, run.summary) == (JobRun.Status.SUCCEEDED, {"numbers": 2})
    assert told("invoice.issued").keys() == {number(invoice)}
    assert len(told("invoice.credited")) == 1
    assert run_job("record-issued-invoices").status == JobRun.Status.NOTHING_TO_DO
