"""`manage.py reconcile_stripe`: both books compared and repaired, and nothing delivered until somebody says go."""

import pytest

from billing.models import BillingAccount, Books, Invoice, InvoiceDelivery, NumberSeries
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering import deliver_email, deliver_pdf, deliver_stripe, deliver_stripe_void
from billing.services.delivering.claims import Parcel
from billing.services.reconciling import State, compare_books
from jobs.models import JobRun
from tests.billing.street import Street
from tests.commandline import Manage
from tests.factories.backups import restore_backup, take_backup
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.events import happen
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.factories.runs import finish
from tests.outside import Outside

SEPTEMBER = AUGUST.plus(1)


@pytest.fixture
def street(wired: Outside) -> Street:
    """Three organizations, whose August was billed before the backup and whose September was billed after it."""
    street = Street(wired)
    assert street.bill().status == "succeeded"
    for place, creator in enumerate(street.creators, start=1):
        wired.seed(creator.onlyfans_user_id, SEPTEMBER, tips=place * 10_000)
        wired.seed(creator.onlyfans_user_id, SEPTEMBER.plus(1), tips=10_000)
    take_backup()
    assert street.bill(month=SEPTEMBER).status == "succeeded"
    return street


def _look(outside: Outside) -> tuple[list[tuple[str, str, int]], list[tuple[str, int]], int]:
    there = [(found["number"], found["status"], found["total"]) for found in outside.list_objects("invoice")]
    mails = [(mail["message_id"], mail["times_received"]) for mail in outside.list_mails()]
    return there, mails, len(outside.list_requests(service="stripe", method="POST"))


def _list_issued() -> list[tuple[str | None, str, int, str]]:
    issued = Invoice.objects.filter(number__isnull=False).order_by("number")
    return list(issued.values_list("number", "organization", "total_cents", "status"))


@pytest.mark.django_db(transaction=True)
def test_a_restored_backup_is_repaired_and_goes_on_after_the_go(street: Street, wired: Outside, manage: Manage) -> None:
    before, issued = _look(wired), _list_issued()
    references = dict(InvoiceDelivery.objects.filter(step="stripe").values_list("invoice__number", "reference"))
    restore_backup()
    assert street.bill(month=SEPTEMBER).status == "failed"

    told = manage("reconcile_stripe")
    assert told.status == 1
    assert "In step: 3 documents.\nThey differ: only in stripe 3.\nNumber" in told.out
    assert told.out.count("Only in Stripe") == 3
    assert "Deliveries are switched off since" in told.out
    assert _list_issued() == issued[:3]

    repaired = manage("reconcile_stripe", "--repair")
    assert (repaired.status, repaired.err) == (0, "")
    assert "Repaired: 3 documents.\n" in repaired.out
    assert "In step: 6 documents.\nOur books and Stripe's agree.\n" in repaired.out
    assert _list_issued() == issued
    assert NumberSeries.objects.get().last_number == 6
    stripe = InvoiceDelivery.objects.filter(step="stripe", status="done")
    assert dict(stripe.values_list("invoice__number", "reference")) == references
    finish(JobRun.objects.get(job="deliver-invoices"))
    assert InvoiceDelivery.objects.filter(step="store", status="done").count() == 6
    assert street.bill(month=SEPTEMBER.plus(1)).error.startswith("Deliveries are switched off since")
    assert (_list_issued(), _look(wired)) == (issued, before)

    assert manage("reconcile_stripe", "--resume", "Both agree.").status == 0
    assert Books.objects.get().stopped_at is None
    assert street.bill(month=SEPTEMBER).status == "succeeded"
    assert (_list_issued(), _look(wired)) == (issued, before)
    assert street.bill(month=SEPTEMBER.plus(1)).status == "succeeded"
    assert [number for number, *_ in _list_issued()][6:] == [f"INV-2026-{place:06}" for place in (7, 8, 9)]
    assert [times for _, times in _look(wired)[1]] == [1] * 9
    assert manage("reconcile_stripe").out == "In step: 9 documents.\nOur books and Stripe's agree.\n"


@pytest.mark.django_db(transaction=True)
def test_what_comes_to_another_total_now_is_left_to_a_person(street: Street, wired: Outside, manage: Manage) -> None:
    issued = _list_issued()
    restore_backup()
    earn(street.creators[1], SEPTEMBER, 30_000)
    told = manage("reconcile_stripe", "--repair")
    assert told.status == 1
    assert "They differ: only in stripe 1." in told.out
    assert (
        "    Computed anew, the month comes to USD 65.00: see why, then bill it or void the one in Stripe." in told.out
    )
    lost = next(row for row in issued[3:] if row[1] == street.troubled.pk)
    assert _list_issued() == [row for row in issued if row != lost]
    # Its number is taken all the same.
    assert NumberSeries.objects.get().last_number == 6
    assert manage("reconcile_stripe", "--resume", "We see to it.").status == 1
    before = _look(wired)
    run = street.bill(month=SEPTEMBER)
    assert (run.status, street.item(run).step) == ("partial", "stripe")
    assert street.item(run).error.endswith("Void the one in Stripe, or void INV-2026-000007 here.")
    assert _look(wired) == before


@pytest.mark.django_db(transaction=True)
def test_payments_voids_and_credits_come_back_with_their_invoices(wired: Outside, manage: Manage) -> None:
    plan = make_plan(base_fee_cents=1_000)
    organizations = [make_organization(plan) for _ in range(3)]
    for organization in organizations:
        earn(make_creator(organization), AUGUST, 100_000)
    take_backup()
    paid, voided, credited = (make_invoice(organization) for organization in organizations)
    for invoice in (paid, voided, credited):
        deliver_stripe(Parcel(invoice.pk, hold()))
    happen(wired, paid.deliveries.get(step="stripe").reference, "pay")
    void_invoice(voided.pk, actor=None, reason="Wrong")
    deliver_stripe_void(Parcel(voided.pk, hold()))
    note = credit_invoice(credited.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    deliver_stripe(Parcel(note.pk, hold()))
    posts = _look(wired)[2]
    restore_backup()
    told = manage("reconcile_stripe", "--repair")
    assert told.status == 0, told.out
    assert [(number, organization, status) for number, organization, _, status in _list_issued()] == [
        (note.number, organizations[2].pk, "finalized"),
        (paid.number, organizations[0].pk, "paid"),
        (voided.number, organizations[1].pk, "void"),
        (credited.number, organizations[2].pk, "credited"),
    ]
    assert Invoice.objects.get(number=note.number).corrects == Invoice.objects.get(number=credited.number)
    assert Invoice.objects.get(number=paid.number).paid_cents == paid.total_cents
    assert _look(wired)[2] == posts


@pytest.mark.django_db(transaction=True)
def test_a_part_that_was_credited_is_left_to_a_person(wired: Outside, manage: Manage) -> None:
    invoice = make_invoice()
    deliver_stripe(Parcel(invoice.pk, hold()))
    take_backup()
    line = invoice.lines.get(kind="base_fee")
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts={line.pk: 123})
    deliver_stripe(Parcel(note.pk, hold()))
    restore_backup()
    told = manage("reconcile_stripe", "--repair")
    assert told.status == 1
    assert f"    It takes a part of {invoice}: credit the same lines here, and it is taken up." in told.out
    assert [number for number, *_ in _list_issued()] == [invoice.number]


@pytest.mark.django_db(transaction=True)
def test_what_was_delivered_since_is_noted_and_not_mailed_again(wired: Outside, manage: Manage) -> None:
    invoice = make_invoice()
    take_backup()
    deliver_stripe(Parcel(invoice.pk, hold()))
    deliver_pdf(Parcel(invoice.pk, hold()))
    before = _look(wired)
    restore_backup()
    assert [pair.state for pair in compare_books()] == [State.NOT_NOTED]
    assert manage("reconcile_stripe", "--repair").status == 0
    assert manage("reconcile_stripe", "--resume", "They agree.").status == 0
    rows = dict(invoice.deliveries.values_list("step", "status"))
    assert (rows["stripe"], rows["email"]) == ("done", "skipped")
    assert BillingAccount.objects.get().stripe_customer_id == wired.list_objects("customer")[0]["id"]
    deliver_stripe(Parcel(invoice.pk, hold()))
    deliver_email(Parcel(invoice.pk, hold()))
    assert _look(wired) == before


@pytest.mark.django_db
def test_each_way_to_differ_is_told_apart(wired: Outside) -> None:
    invoices = [make_invoice() for _ in range(4)]
    for invoice in invoices:
        deliver_stripe(Parcel(invoice.pk, hold()))
    InvoiceDelivery.objects.filter(invoice=invoices[0]).update(reference="in_gone")
    InvoiceDelivery.objects.filter(invoice=invoices[1]).update(reference="")
    assert [(pair.number, pair.state) for pair in compare_books()] == [
        (invoices[0].number, State.TWICE),
        (invoices[0].number, State.ONLY_HERE),
        (invoices[1].number, State.NOT_NOTED),
        (invoices[2].number, State.IN_STEP),
        (invoices[3].number, State.IN_STEP),
    ]


@pytest.mark.django_db(transaction=True)
def test_books_that_agree_change_nothing(wired: Outside, manage: Manage) -> None:
    invoice = make_invoice()
    deliver_stripe(Parcel(invoice.pk, hold()))
    told = manage("reconcile_stripe", "--repair")
    assert (told.status, told.out) == (0, "In step: 1 documents.\nOur books and Stripe's agree.\n")
    refused = manage("reconcile_stripe", "--resume", "Why not")
    assert (refused.status, refused.err) == (2, "CommandError: Deliveries are switched on already.\n")


@pytest.mark.django_db(transaction=True)
def test_where_stripe_does_not_answer_nothing_is_switched(wired: Outside, manage: Manage) -> None:
    wired.fail("stripe", "/v1/invoices$", method="GET", status=500)
    told = manage("reconcile_stripe", "--repair")
    assert (told.status, told.err) == (1, "Stripe failed on its side (500).\n")
    assert Books.objects.get().stopped_at is None
