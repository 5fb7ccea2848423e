"""Billing a month anew: what was issued is voided or credited once, however often the attempt is repeated."""

import pytest

from billing.models import Invoice, InvoiceDelivery
from billing.services.correcting import credit_invoice, void_invoice
from common.clock import Month, now
from common.errors import Permanent
from jobs.engine import work
from jobs.models import JobRun
from jobs.services import rerun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill

pytestmark = pytest.mark.django_db(transaction=True)


def _documents(month: Month = AUGUST) -> list[tuple[str | None, str, int]]:
    found = Invoice.objects.filter(month=month.first_day).order_by("id")
    return list(found.values_list("number", "status", "total_cents"))


def test_voids_what_never_reached_the_customer() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert [row[1:] for row in _documents()] == [("void", 2000), ("finalized", 2000)]


def test_credits_what_did() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    InvoiceDelivery.objects.create(invoice=Invoice.objects.get(), step="email", status="done")
    bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert [row[1:] for row in _documents()] == [("credited", 2000), ("finalized", -2000), ("finalized", 2000)]


def test_a_rerun_of_what_failed_corrects_nothing_twice() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    again = bill(AUGUST, organizations=[organization.pk], regenerate=True)
    before = _documents()
    second, _ = rerun(again, JobRun.Mode.ALL, trigger="command", actor=None, reason="S3 was down")
    work(second.pk, wait=True)
    assert _documents() == before


def test_credits_the_rest_of_what_was_credited_in_part() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    invoice = Invoice.objects.get()
    credit_invoice(invoice.pk, actor=None, reason="Agreed", now=now(), amounts={invoice.lines.get().pk: 500})
    run = bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert run.failed == 0, run.items.get().error
    assert [row[1:] for row in _documents()] == [
        ("credited", 2000),
        ("finalized", -500),
        ("finalized", -1500),
        ("finalized", 2000),
    ]


def test_voids_what_reached_the_customer_but_says_nothing() -> None:
    organization = make_organization(make_plan(issue_zero_invoices=True))
    make_creator(organization)
    bill(AUGUST)
    InvoiceDelivery.objects.create(invoice=Invoice.objects.get(), step="email", status="done")
    run = bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert run.failed == 0, run.items.get().error
    assert [row[1:] for row in _documents()] == [("void", 0), ("paid", 0)]


def test_a_paid_invoice_is_credited_whether_or_not_it_was_delivered() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    Invoice.objects.update(status="paid")
    bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert [row[1:] for row in _documents()] == [("credited", 2000), ("finalized", -2000), ("finalized", 2000)]


def test_what_is_not_named_is_not_touched() -> None:
    first, second = make_organization(), make_organization()
    for organization in (first, second):
        earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    bill(AUGUST, organizations=[first.pk], regenerate=True)
    assert [row[1:] for row in _documents() if row[1] == "void"] == [("void", 2000)]
    assert list(Invoice.objects.filter(organization=second).values_list("status", flat=True)) == ["finalized"]


def test_a_void_in_stripe_is_asked_for_where_the_invoice_got_there() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    invoice = Invoice.objects.get()
    InvoiceDelivery.objects.create(invoice=invoice, step="stripe", status="unknown", reference="in_1")
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    assert list(invoice.deliveries.order_by("id").values_list("step", "status")) == [
        ("stripe", "unknown"),
        ("stripe_void", "pending"),
    ]


def test_only_what_is_issued_and_unpaid_can_be_voided() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    invoice = Invoice.objects.get()
    Invoice.objects.update(status="paid")
    with pytest.raises(Permanent, match="is paid and can't be voided"):
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    Invoice.objects.update(status="finalized")
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    with pytest.raises(Permanent, match="is void and can't be voided"):
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    assert [row[1] for row in _documents()] == ["void"]
