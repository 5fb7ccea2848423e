"""Stripe is looked at before anything is created there: what is there already is taken up, or stops all."""

from typing import Any

import pytest

from billing.models import BillingAccount, Books, Invoice, InvoiceDelivery, NumberSeries
from billing.services.books import identify, resume_deliveries, stop_deliveries
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering import deliver_stripe
from billing.services.delivering.claims import Parcel
from common.errors import Misconfigured, Permanent
from tests.factories.backups import restore_backup, take_backup
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.outside import Outside

pytestmark = pytest.mark.django_db


def _deliver(invoice: Invoice) -> None:
    deliver_stripe(Parcel(invoice.pk, hold()))


def _list_posts(outside: Outside) -> list[str]:
    return [request["path"] for request in outside.list_requests(service="stripe", method="POST")]


def _look(outside: Outside) -> list[tuple[str, str, int]]:
    return [(found["number"], found["status"], found["total"]) for found in outside.list_objects("invoice")]


def _make_customer_known() -> Any:
    """Make an organization that Stripe knows by an earlier month."""
    organization = make_organization(make_plan(base_fee_cents=1_000))
    creator = make_creator(organization)
    earn(creator, AUGUST, 100_000)
    earn(creator, AUGUST.plus(1), 50_000)
    _deliver(make_invoice(organization))
    return organization


def test_an_identity_is_what_the_document_is(wired: Outside) -> None:
    invoice = make_invoice()
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    anew = make_invoice(invoice.organization)
    note = credit_invoice(anew.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    books = Books.objects.get().installation
    assert [str(identify(one)) for one in (invoice, anew, note)] == [
        f"{books}/{invoice.organization_id}/2026-08/{what}" for what in ("invoice/1", "invoice/2", "credit_note/1")
    ]


def test_what_our_rows_have_lost_is_taken_up_and_not_created_again(wired: Outside) -> None:
    """The invoice was numbered before the backup and delivered after it."""
    organization = _make_customer_known()
    invoice = make_invoice(organization, AUGUST.plus(1))
    take_backup()
    _deliver(invoice)
    reference = invoice.deliveries.get(step="stripe").reference
    posts = _list_posts(wired)
    restore_backup()
    assert not invoice.deliveries.exists()
    _deliver(invoice)
    row = invoice.deliveries.get(step="stripe")
    assert (row.status, row.reference, row.attempts) == ("done", reference, 1)
    assert _list_posts(wired) == posts


def test_a_customer_that_our_rows_have_lost_is_taken_up(wired: Outside) -> None:
    invoice = make_invoice()
    take_backup()
    _deliver(invoice)
    posts = _list_posts(wired)
    restore_backup()
    _deliver(invoice)
    assert _list_posts(wired) == posts
    (customer,) = wired.list_objects("customer")
    assert BillingAccount.objects.get().stripe_customer_id == customer["id"]


def test_a_credit_note_that_our_rows_have_lost_is_taken_up(wired: Outside) -> None:
    invoice = make_invoice()
    _deliver(invoice)
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT)
    take_backup()
    _deliver(note)
    posts = _list_posts(wired)
    restore_backup()
    _deliver(note)
    (made,) = wired.list_objects("credit_note")
    assert (note.deliveries.get(step="stripe").reference, _list_posts(wired)) == (made["id"], posts)


def test_a_month_that_stripe_has_under_another_number_is_not_billed_again(wired: Outside) -> None:
    organization = _make_customer_known()
    take_backup()
    _deliver(make_invoice())
    lost = make_invoice(organization, AUGUST.plus(1))
    _deliver(lost)
    posts, before = _list_posts(wired), _look(wired)
    reference = lost.deliveries.get(step="stripe").reference
    restore_backup()
    again = make_invoice(organization, AUGUST.plus(1))
    assert (again.number, lost.number) == ("INV-2026-000002", "INV-2026-000003")
    with pytest.raises(Misconfigured) as raised:
        _deliver(again)
    assert raised.value.message == (
        f"Stripe has INV-2026-000003 over USD 110.00 ({reference}) for {organization}, and our books don't: "
        "INV-2026-000002 for September 2026 was not brought there. The database was probably restored from a backup: "
        "run manage.py reconcile_stripe."
    )
    assert Books.objects.get().stopped_reason == raised.value.message
    assert (_list_posts(wired), _look(wired)) == (posts, before)
    assert again.deliveries.get(step="stripe").status == "failed"


def test_a_month_that_somebody_looked_at_fails_alone(wired: Outside) -> None:
    """After the go, what was left to a person blocks nobody else."""
    organization = _make_customer_known()
    take_backup()
    _deliver(make_invoice(organization, AUGUST.plus(1)))
    restore_backup()
    stop_deliveries("They differ.", who="Test")
    resume_deliveries(actor=None, reason="Looked at")
    NumberSeries.objects.update(last_number=5)
    again = make_invoice(organization, AUGUST.plus(1))
    with pytest.raises(Permanent, match=f"Void the one in Stripe, or void {again} here"):
        _deliver(again)
    other = make_invoice()
    _deliver(other)
    assert [number for number, _, _ in _look(wired)] == ["INV-2026-000001", "INV-2026-000002", other.number]


def test_a_number_that_stripe_has_for_another_month_is_not_given_again(wired: Outside) -> None:
    organization = _make_customer_known()
    take_backup()
    _deliver(make_invoice(organization, AUGUST.plus(1)))
    posts = _list_posts(wired)
    restore_backup()
    other = make_invoice(organization, AUGUST.plus(2))
    with pytest.raises(Misconfigured, match=r"Stripe has INV-2026-000002 over USD 110\.00"):
        _deliver(other)
    assert _list_posts(wired) == posts


def test_a_month_that_was_voided_and_billed_anew_stops_nothing(wired: Outside) -> None:
    """The other way round: what stands beside it in Stripe is in our books."""
    organization = _make_customer_known()
    void_invoice(Invoice.objects.get().pk, actor=None, reason="Wrong")
    anew = make_invoice(organization)
    _deliver(anew)
    assert [number for number, _, _ in _look(wired)] == ["INV-2026-000001", "INV-2026-000002"]


def test_what_was_voided_in_stripe_is_not_opened_again(wired: Outside) -> None:
    invoice = make_invoice()
    _deliver(invoice)
    reference = invoice.deliveries.get(step="stripe").reference
    wired.control("POST", f"/stripe/invoices/{reference}/void")
    InvoiceDelivery.objects.all().delete()
    with pytest.raises(Permanent, match=f"{reference} was voided in Stripe: void {invoice} here too"):
        _deliver(invoice)
    assert [status for _, status, _ in _look(wired)] == ["void"]


def test_another_installation_that_shares_the_account_disturbs_nothing(wired: Outside) -> None:
    """It has the same organizations and addresses, bills the same months and counts its numbers as we do."""
    invoice = make_invoice()
    take_backup()
    _deliver(invoice)
    restore_backup()
    Books.objects.all().delete()
    _deliver(invoice)
    assert _look(wired) == [(invoice.number, "open", invoice.total_cents)] * 2
    assert len(wired.list_objects("customer")) == 2
    marks = [found["metadata"]["huntaze_document"].partition("/") for found in wired.list_objects("invoice")]
    assert marks[0][0] != marks[1][0]
    assert marks[0][2] == marks[1][2] == f"{invoice.organization_id}/2026-08/invoice/1"


def test_a_credit_note_over_another_amount_is_not_taken_for_ours(wired: Outside) -> None:
    """Ours would be the first of the month again, and the one in Stripe is another one that our books lost."""
    invoice = make_invoice()
    _deliver(invoice)
    take_backup()
    line = invoice.lines.get(kind="base_fee")
    _deliver(credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts={line.pk: 123}))
    posts = _list_posts(wired)
    restore_backup()
    other = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts={line.pk: 456})
    with pytest.raises(
        Misconfigured, match=rf"^Stripe has a credit note over USD 1\.23 \(cn_\w+\) on {invoice} in the"
    ):
        _deliver(other)
    assert _list_posts(wired) == posts
    assert Books.objects.get().stopped_at is not None
