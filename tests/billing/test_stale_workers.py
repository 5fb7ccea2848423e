"""A worker whose job item somebody else has taken, or whose lease is over: it delivers nothing any more."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from billing.models import Invoice, InvoiceDelivery
from billing.services.delivering import deliver_email, deliver_file, deliver_pdf, deliver_stripe
from billing.services.delivering.claims import Holder, Parcel
from jobs.engine.claims import LeaseLost
from jobs.models import JobItem
from tests.factories.holders import hold
from tests.factories.invoices import make_invoice
from tests.outside import Outside

pytestmark = pytest.mark.django_db

Deliver = Callable[[Parcel], None]
STEPS: dict[Deliver, str] = {
    deliver_pdf: "pdf", deliver_file: "store", deliver_stripe: "stripe", deliver_email: "email"
}  # fmt: skip
WAYS = pytest.mark.parametrize("deliver", STEPS)


def _expire(holder: Holder) -> None:
    JobItem.objects.filter(pk=holder.item).update(lease_expires_at=timezone.now())


def _release(holder: Holder) -> None:
    JobItem.objects.filter(pk=holder.item).update(status="pending", lease_expires_at=None)


LOSSES = pytest.mark.parametrize("lose", [lambda holder: hold(2), _expire, _release], ids=["taken", "expired", "freed"])


def _check_nothing_happened(outside: Outside, invoice: Invoice) -> None:
    assert list(outside.list_requests()) == []
    assert outside.list_mails() == []
    assert not invoice.deliveries.filter(status="done").exists()


@WAYS
@LOSSES
def test_a_stale_worker_begins_nothing(wired: Outside, deliver: Deliver, lose: Callable[[Holder], object]) -> None:
    invoice, stale = make_invoice(), hold()
    lose(stale)
    with pytest.raises(LeaseLost):
        deliver(Parcel(invoice.pk, stale))
    assert not invoice.deliveries.exists()
    _check_nothing_happened(wired, invoice)
    deliver_pdf(Parcel(invoice.pk, hold(3)))
    assert invoice.deliveries.get().held_by_token == 3


@WAYS
@LOSSES
def test_a_stale_worker_repeats_nothing(wired: Outside, deliver: Deliver, lose: Callable[[Holder], object]) -> None:
    invoice, stale = make_invoice(), hold()
    InvoiceDelivery.objects.create(invoice=invoice, step=STEPS[deliver], status="failed", attempts=1)
    lose(stale)
    with pytest.raises(LeaseLost):
        deliver(Parcel(invoice.pk, stale))
    row = invoice.deliveries.get()
    assert (row.status, row.attempts, row.held_by_item) == ("failed", 1, None)
    _check_nothing_happened(wired, invoice)


def test_the_worker_that_holds_the_item_delivers_what_a_stale_one_left(wired: Outside) -> None:
    invoice, stale = make_invoice(), hold()
    current = hold(2)
    with pytest.raises(LeaseLost):
        deliver_stripe(Parcel(invoice.pk, stale))
    deliver_stripe(Parcel(invoice.pk, current))
    assert [found["number"] for found in wired.list_objects("invoice")] == [invoice.number]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [False, True], ids=["first", "again"])
def test_a_claim_waits_for_whoever_is_just_taking_the_item(wired: Outside, known: bool) -> None:
    """The token is read under a lock: nobody takes the item between the look and the claim."""
    invoice, stale = make_invoice(), hold()
    if known:
        InvoiceDelivery.objects.create(invoice=invoice, step="pdf", status="failed", attempts=1)
    ended: list[object] = []

    def deliver() -> None:
        try:
            deliver_pdf(Parcel(invoice.pk, stale))
        except LeaseLost as error:
            ended.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        JobItem.objects.filter(pk=stale.item).update(token=2)
        worker = threading.Thread(target=deliver)
        worker.start()
        worker.join(0.3)
        assert worker.is_alive()
    worker.join(10)
    assert [type(error) for error in ended] == [LeaseLost]
    assert not invoice.deliveries.filter(status="done").exists()
