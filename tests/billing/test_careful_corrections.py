"""What corrections must not do: take away without a replacement, pay back twice, act unseen or twice."""

import re

import pytest
from django.db import IntegrityError

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceDelivery, Plan
from billing.services.correcting import approve_invoice, credit_invoice
from billing.services.parking import park_account
from common.clock import now
from common.errors import Permanent
from jobs.models import JobRun
from onlyfans.models import CreatorAccount
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.runs import bill, run

pytestmark = pytest.mark.django_db(transaction=True)


def _documents() -> list[tuple[str | None, str, int]]:
    found = Invoice.objects.filter(month=AUGUST.first_day).order_by("id")
    return list(found.values_list("number", "status", "total_cents"))


def _bill_anew(organization: Organization) -> JobRun:
    return bill(AUGUST, organizations=[organization.pk], regenerate=True)


def _sent(organization: Organization) -> None:
    invoice = Invoice.objects.get(organization=organization, corrects=None, status="finalized")
    InvoiceDelivery.objects.create(invoice=invoice, step="email", status="done")


def test_what_is_issued_stands_where_nothing_can_take_its_place() -> None:
    parked, unpriced, later = made = make_organization(), make_organization(), make_organization()
    for organization in made:
        earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    for organization in made:
        _sent(organization)
    park_account(parked.billing_account.pk, actor=None, reason="Disputed")
    unpriced.billing_account.plan.brackets.all().delete()
    BillingAccount.objects.filter(organization=later).update(first_month=AUGUST.plus(1).first_day)
    before = _documents()
    items = [_bill_anew(organization).items.get() for organization in made]
    assert _documents() == before
    assert [(item.status, item.error or item.result["note"]) for item in items] == [
        ("skipped", "Parked: Disputed"),
        ("failed", f"The plan “{unpriced.billing_account.plan.name}” has no commission brackets: add at least one."),
        ("skipped", "The first month to bill, as its billing account says, is 2026-09."),
    ]


def test_a_correction_is_delivered_where_its_replacement_is_held() -> None:
    organization = make_organization()
    creator = make_creator(organization)
    earn(creator, AUGUST, 10_000)
    bill(AUGUST)
    _sent(organization)
    BillingAccount.objects.update(max_total_cents=1)
    item = run("monthly-billing", month=AUGUST, organizations=[organization.pk], regenerate=True).items.get()
    note = Invoice.objects.get(kind="credit_note")
    assert (item.status, item.result["status"]) == ("done", "held")
    assert set(note.deliveries.values_list("step", "status")) == {("pdf", "done"), ("store", "done")}


def test_a_credit_note_that_reached_the_customer_is_countered_by_an_invoice() -> None:
    organization = make_organization()
    creator = make_creator(organization)
    earn(creator, AUGUST.plus(-1), 10_000)
    bill(AUGUST.plus(-1))
    earn(creator, AUGUST.plus(-1), 0)
    bill(AUGUST)
    issued = Invoice.objects.get(month=AUGUST.first_day)
    assert (issued.kind, issued.total_cents) == ("credit_note", -2000)
    InvoiceDelivery.objects.create(invoice=issued, step="email", status="done")
    _bill_anew(organization)
    assert [row[1:] for row in _documents()] == [("credited", -2000), ("paid", 2000), ("paid", -2000)]
    counter = Invoice.objects.get(corrects=issued)
    assert (counter.kind, (counter.number or "")[:3]) == ("invoice", "INV")


def test_late_figures_in_another_currency_are_for_a_person() -> None:
    organization = make_organization()
    creator = make_creator(organization)
    earn(creator, AUGUST, 10_000)
    bill(AUGUST)
    earn(creator, AUGUST, 20_000)
    Organization.objects.update(currency="JPY")
    Plan.objects.update(currency="JPY")
    item = bill(AUGUST.plus(1)).items.get()
    assert (item.status, item.step) == ("failed", "compute")
    assert item.error.startswith("Late figures of August 2026")
    assert not Invoice.objects.filter(month=AUGUST.plus(1).first_day).exists()


def test_a_creator_who_was_billed_stays_with_who_was_billed() -> None:
    creator = make_creator(make_organization())
    bill(AUGUST)
    other = make_organization()
    with pytest.raises(IntegrityError, match="stays there"):
        CreatorAccount.objects.filter(pk=creator.pk).update(organization=other)


def test_a_form_credits_once() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    invoice = Invoice.objects.get()
    line = invoice.lines.get(kind="commission")
    notes = [
        credit_invoice(invoice.pk, actor=None, reason="Goodwill", now=now(), amounts={line.pk: 100}, token="form-1")
        for _ in range(2)
    ]
    assert notes[0] == notes[1]
    assert Invoice.objects.filter(kind="credit_note").count() == 1


def test_approves_only_what_was_seen() -> None:
    organization = make_organization(account={"max_total_cents": 1})
    creator = make_creator(organization)
    earn(creator, AUGUST, 10_000)
    bill(AUGUST)
    seen = Invoice.objects.get().seen_mark
    earn(creator, AUGUST, 30_000)
    bill(AUGUST)
    invoice = Invoice.objects.get()
    with pytest.raises(Permanent, match=re.escape("is USD 60.00 now")):
        approve_invoice(invoice.pk, actor=None, reason="", seen=seen)
    assert approve_invoice(invoice.pk, actor=None, reason="", seen=invoice.seen_mark).status == "draft"
