"""Payments recorded by hand, and the credit that a customer outside Stripe has from them."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from accounts.models import AuditEntry, Organization
from billing.models import Invoice, InvoiceAction, Payment
from billing.selectors.customer_credit import get_credit, list_credits
from billing.selectors.payments import list_differing
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering.claims import Parcel
from billing.services.delivering.payments import deliver_stripe
from billing.services.numbering import finalize_invoices
from billing.services.payments import record_payment, record_refund, reverse_payment
from common.clock import now
from common.errors import Permanent
from jobs.models import JobRun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.holders import hold
from tests.factories.invoices import ISSUED_AT, issue_lines, make_draft, make_invoice, note_delivery
from tests.factories.runs import bill_anew_here, bill_here
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 9, 10)
SEPTEMBER, OCTOBER = AUGUST.plus(1), AUGUST.plus(2)


def pay(invoice: Invoice, cents: int, **fields: Any) -> Payment:
    values = {"received_date": DAY, "method": "bank_transfer", "reference": "F-1", "actor": None, **fields}
    return record_payment(invoice.pk, amount_cents=cents, **values)


def refund(invoice: Invoice, cents: int, **fields: Any) -> Payment:
    values = {"received_date": DAY, "method": "bank_transfer", "reference": "R-1", "actor": None, **fields}
    return record_refund(invoice.pk, amount_cents=cents, **values)


def state(invoice: Invoice) -> tuple[str, int, int, int]:
    """Status, what is paid, what of the customer's credit was used, what remains."""
    invoice.refresh_from_db()
    return invoice.status, invoice.paid_cents, invoice.balance_applied_cents, invoice.remaining_cents


def credit(invoice: Invoice) -> int:
    return get_credit(invoice.organization_id, "USD")


def issue(organization: Organization, cents: int, month: Any = SEPTEMBER) -> Invoice:
    """Issue another month of a customer's."""
    earn(organization.creators.get(), month, 5 * cents)
    return make_invoice(organization, month)


@pytest.fixture
def invoice() -> Invoice:
    """100.00, of an organization that Stripe collects nothing of."""
    organization = make_organization(make_plan())
    earn(make_creator(organization), AUGUST, 50_000)
    return make_invoice(organization)


def test_a_part_payment_lowers_what_remains(invoice: Invoice) -> None:
    pay(invoice, 4_000)
    assert (state(invoice), credit(invoice)) == (("finalized", 4_000, 0, 6_000), 0)


def test_two_payments_settle_it(invoice: Invoice) -> None:
    pay(invoice, 4_000)
    pay(invoice, 6_000)
    assert (state(invoice), credit(invoice)) == (("paid", 10_000, 0, 0), 0)
    assert list(Payment.objects.values_list("amount_cents", "source", "kind")) == [
        (6_000, "staff", "payment"), (4_000, "staff", "payment"),
    ]  # fmt: skip


def test_who_recorded_what_is_kept(invoice: Invoice) -> None:
    actor = make_staff("Finance")
    payment = pay(invoice, 10_000, actor=actor)
    assert (payment.recorded_by, payment.reference, payment.received_date) == (actor, "F-1", DAY)
    action = InvoiceAction.objects.get()
    said = {
        "payment": payment.pk, "amount": "USD 100.00", "date": "2026-09-10", "method": "Bank transfer",
        "reference": "F-1",
    }  # fmt: skip
    assert (action.verb, action.actor, action.data) == ("payment", actor, said)
    assert list(AuditEntry.objects.order_by("id").values_list("verb", "actor")) == [
        ("payment", actor.pk),
        ("settle", None),
    ]


def test_more_than_remains_needs_a_confirmation(invoice: Invoice) -> None:
    with pytest.raises(Permanent) as refused:
        pay(invoice, 13_000)
    assert refused.value.message == (
        f"USD 130.00 is more than the USD 100.00 that {invoice} still asks for. Correct the amount, or confirm that "
        "the rest becomes the customer's credit."
    )
    assert (state(invoice), Payment.objects.count(), InvoiceAction.objects.count()) == (
        ("finalized", 0, 0, 10_000),
        0,
        0,
    )


def test_what_was_paid_too_much_is_carried_on_until_it_is_used_up(invoice: Invoice) -> None:
    pay(invoice, 25_000, accepts_excess=True)
    assert (state(invoice), credit(invoice)) == (("paid", 25_000, 0, 0), 15_000)
    second = issue(invoice.organization, 10_000, SEPTEMBER)
    assert (state(second), credit(invoice)) == (("paid", 0, 10_000, 0), 5_000)
    third = issue(invoice.organization, 10_000, OCTOBER)
    assert (state(third), credit(invoice)) == (("finalized", 0, 5_000, 5_000), 0)
    fourth = issue(invoice.organization, 10_000, OCTOBER.plus(1))
    assert (state(fourth), list_credits(invoice.organization_id)) == (("finalized", 0, 0, 10_000), [])
    assert AuditEntry.objects.filter(verb="settle", object_name=str(second)).count() == 1


def test_credit_is_refunded_once(invoice: Invoice) -> None:
    pay(invoice, 13_000, accepts_excess=True)
    with pytest.raises(Permanent) as refused:
        refund(invoice, 3_001)
    assert refused.value.message == (
        f"USD 30.01 can't be refunded on {invoice}: the customer has USD 30.00 of credit from it. Enter less."
    )
    refund(invoice, 3_000)
    assert (state(invoice), credit(invoice), invoice.refunded_cents) == (("paid", 13_000, 0, 0), 0, 3_000)
    with pytest.raises(Permanent, match="Nothing of INV-2026-000001 can be refunded"):
        refund(invoice, 1)
    assert state(issue(invoice.organization, 10_000)) == ("finalized", 0, 0, 10_000)


def test_a_credit_note_that_is_paid_out_is_given_back_once(invoice: Invoice) -> None:
    pay(invoice, 10_000)
    credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    refund(invoice, 10_000)
    assert (state(invoice), credit(invoice)) == (("credited", 10_000, 0, 0), 0)
    assert not list_differing().exists()


def test_credit_that_is_used_is_not_refunded(invoice: Invoice) -> None:
    pay(invoice, 13_000, accepts_excess=True)
    issue(invoice.organization, 10_000)
    with pytest.raises(Permanent, match="nothing was paid too much, or later invoices used it up"):
        refund(invoice, 1)


def test_a_payment_reversed_after_its_credit_was_used_is_asked_for_again(invoice: Invoice) -> None:
    payment = pay(invoice, 13_000, accepts_excess=True)
    second = issue(invoice.organization, 10_000)
    assert state(second) == ("finalized", 0, 3_000, 7_000)
    reverse_payment(payment.pk, reason="It bounced", actor=None)
    assert (state(invoice), state(second), credit(invoice)) == (
        ("finalized", 0, 0, 10_000), ("finalized", 0, 3_000, 7_000), -3_000,
    )  # fmt: skip
    third = issue(invoice.organization, 10_000, OCTOBER)
    assert (state(third), credit(invoice)) == (("finalized", 0, -3_000, 13_000), 0)
    void_invoice(third.pk, actor=None, reason="Wrong")
    assert (state(third), credit(invoice)) == (("void", 0, -3_000, 0), -3_000)
    payment.refresh_from_db()
    assert (payment.reversed_reason, InvoiceAction.objects.filter(verb="reverse").count()) == ("It bounced", 1)


def test_a_payment_is_reversed_once_and_with_a_reason(invoice: Invoice) -> None:
    payment = pay(invoice, 4_000)
    with pytest.raises(Permanent, match="Say why"):
        reverse_payment(payment.pk, reason=" ", actor=None)
    reverse_payment(payment.pk, reason="Typed twice", actor=None)
    with pytest.raises(Permanent, match="This payment is reversed already: Typed twice"):
        reverse_payment(payment.pk, reason="Again", actor=None)
    assert (state(invoice), InvoiceAction.objects.filter(verb="reverse").count()) == (("finalized", 0, 0, 10_000), 1)


def test_a_payment_of_stripe_s_is_not_reversed_here(invoice: Invoice) -> None:
    payment = Payment.objects.create(
        invoice=invoice, source="stripe", amount_cents=1, received_date=DAY, external_id="pi_1"
    )
    with pytest.raises(Permanent, match="made in Stripe: refund it there"):
        reverse_payment(payment.pk, reason="Wrong", actor=None)


def test_a_reversed_refund_is_credit_again(invoice: Invoice) -> None:
    pay(invoice, 13_000, accepts_excess=True)
    reverse_payment(refund(invoice, 3_000).pk, reason="Their account is closed", actor=None)
    assert credit(invoice) == 3_000


def test_a_credit_note_on_a_paid_invoice_pays_the_next(invoice: Invoice) -> None:
    pay(invoice, 10_000)
    note = credit_invoice(
        invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT, amounts={invoice.lines.get().pk: 4_000}
    )
    assert (state(invoice), credit(invoice)) == (("paid", 10_000, 0, 0), 4_000)
    assert (note.credited_before_cents, note.credited_after_cents, note.credit_cents) == (0, 4_000, 0)
    assert state(issue(invoice.organization, 10_000)) == ("finalized", 0, 4_000, 6_000)
    assert credit(invoice) == 0


def test_what_was_refunded_of_one_credit_note_takes_nothing_off_the_next(invoice: Invoice) -> None:
    pay(invoice, 13_000, accepts_excess=True)
    refund(invoice, 3_000)
    line = invoice.lines.get().pk
    credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT, amounts={line: 4_000})
    refund(invoice, 4_000)
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert (note.total_cents, note.credited_after_cents, note.refunded_cents) == (-6_000, 6_000, 0)
    assert (state(invoice), credit(invoice)) == (("credited", 13_000, 0, 0), 6_000)


def test_a_part_paid_invoice_that_is_credited_gives_back_what_was_paid(invoice: Invoice) -> None:
    payment = pay(invoice, 4_000)
    with pytest.raises(Permanent, match="A part of INV-2026-000001 is paid, so it can't be voided: credit it instead"):
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert (state(invoice), credit(invoice)) == (("credited", 4_000, 0, 0), 4_000)
    reverse_payment(payment.pk, reason="It bounced", actor=None)
    assert (state(invoice), credit(invoice)) == (("credited", 0, 0, 0), 0)


def test_billing_a_paid_month_anew_asks_for_the_difference(invoice: Invoice) -> None:
    pay(invoice, 10_000)
    earn(invoice.organization.creators.get(), AUGUST, 62_500)
    bill_anew_here(AUGUST, invoice.organization_id)
    anew = Invoice.objects.get(corrects=None, status="finalized")
    assert (state(invoice)[0], anew.total_cents, state(anew)) == (
        "credited", 12_500, ("finalized", 0, 10_000, 2_500),
    )  # fmt: skip
    assert credit(invoice) == 0


def test_billing_a_part_paid_month_anew_credits_it(invoice: Invoice) -> None:
    pay(invoice, 4_000)
    bill_anew_here(AUGUST, invoice.organization_id)
    anew = Invoice.objects.get(corrects=None, status="finalized")
    assert (state(invoice)[0], state(anew)) == ("credited", ("finalized", 0, 4_000, 6_000))


def test_a_void_invoice_returns_the_credit_that_it_used(invoice: Invoice) -> None:
    pay(invoice, 13_000, accepts_excess=True)
    second = issue(invoice.organization, 10_000)
    void_invoice(second.pk, actor=None, reason="Wrong")
    assert (state(second), credit(invoice)) == (("void", 0, 3_000, 0), 3_000)
    bill_here(SEPTEMBER, invoice.organization_id)
    anew = Invoice.objects.get(month=SEPTEMBER.first_day, status="finalized")
    assert (state(anew), credit(invoice)) == (("finalized", 0, 3_000, 7_000), 0)


def test_an_invoice_that_credit_settled_can_be_voided(invoice: Invoice) -> None:
    pay(invoice, 25_000, accepts_excess=True)
    second = issue(invoice.organization, 10_000)
    assert (state(second), credit(invoice)) == (("paid", 0, 10_000, 0), 5_000)
    with pytest.raises(Permanent, match="is paid and can't be voided"):
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    void_invoice(second.pk, actor=None, reason="Wrong")
    assert (state(second), credit(invoice)) == (("void", 0, 10_000, 0), 15_000)


def test_a_negative_month_pays_the_next_or_is_paid_out() -> None:
    organization = make_organization()
    month = issue_lines(-5_000, organization=organization)
    assert (state(month), credit(month)) == (("paid", 0, 0, 0), 5_000)
    refund(month, 2_000)
    assert credit(month) == 3_000
    creator = make_creator(organization)
    earn(creator, SEPTEMBER, 50_000)
    second = make_invoice(organization, SEPTEMBER)
    assert (state(second), credit(month)) == (("finalized", 0, 3_000, 7_000), 0)


def test_a_negative_month_that_is_taken_back_is_paid_by_its_own_credit() -> None:
    month = issue_lines(-5_000)
    back = credit_invoice(month.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert (back.kind, state(back), credit(month)) == ("invoice", ("paid", 0, 5_000, 0), 0)


def test_an_invoice_over_nothing_is_settled_at_once() -> None:
    invoice = issue_lines(5_000, -5_000)
    assert (state(invoice), credit(invoice)) == (("paid", 0, 0, 0), 0)
    with pytest.raises(Permanent, match="asks for nothing"):
        pay(invoice, 1)


def test_invoices_issued_together_share_the_credit(invoice: Invoice) -> None:
    pay(invoice, 22_000, accepts_excess=True)
    organization = invoice.organization
    earn(organization.creators.get(), SEPTEMBER, 50_000)
    first = make_draft(organization, SEPTEMBER)
    earn(organization.creators.get(), OCTOBER, 50_000)
    second = make_draft(organization, OCTOBER)
    other = make_organization()
    earn(make_creator(other), SEPTEMBER, 50_000)
    stranger = make_draft(other, SEPTEMBER)
    finalize_invoices([second.pk, stranger.pk, first.pk], ISSUED_AT)
    assert (state(first), state(second), state(stranger)) == (
        ("paid", 0, 10_000, 0), ("finalized", 0, 2_000, 8_000), ("finalized", 0, 0, 10_000),
    )  # fmt: skip
    assert list_credits(organization.pk) == []


def test_credit_of_a_customer_whom_stripe_collects_for_is_left_to_stripe(invoice: Invoice, settings: Settings) -> None:
    settings.INVOICE_ENABLE_STRIPE = True
    pay(invoice, 13_000, accepts_excess=True)
    assert state(issue(invoice.organization, 10_000)) == ("finalized", 0, 0, 10_000)
    assert issue_lines(-5_000).status == "finalized"
    account = invoice.organization.billing_account
    account.deliver_stripe = False
    account.save()
    assert state(issue(invoice.organization, 10_000, OCTOBER)) == ("finalized", 0, 3_000, 7_000)


def test_credit_in_stripe_is_not_counted_here(invoice: Invoice) -> None:
    pay(invoice, 13_000, accepts_excess=True)
    note_delivery(invoice, "stripe", "done", reference="in_1")
    assert (credit(invoice), state(issue(invoice.organization, 10_000))) == (0, ("finalized", 0, 0, 10_000))


@pytest.mark.django_db(transaction=True)
def test_an_invoice_with_a_payment_or_credit_here_is_not_opened_in_stripe(wired: Outside) -> None:
    organization = make_organization(make_plan(), account={"deliver_stripe": False})
    earn(make_creator(organization), AUGUST, 50_000)
    paid = make_invoice(organization)
    pay(paid, 13_000, accepts_excess=True)
    with transaction.atomic():
        covered = issue(organization, 10_000)
    for invoice in (paid, covered):
        deliver_stripe(Parcel(invoice.pk, hold()))
        delivery = invoice.deliveries.get()
        assert (delivery.status, delivery.error) == (
            "skipped",
            f"{invoice} was not opened in Stripe, which would ask for the whole total: payments were recorded here, or "
            "credit was used. Collect the rest by hand.",
        )
    assert wired.list_objects("invoice") == []


def test_a_reversed_payment_lets_stripe_collect_what_was_kept_from_it(invoice: Invoice) -> None:
    typed_in_error, other = pay(invoice, 4_000), pay(invoice, 1_000)
    deliver_stripe(Parcel(invoice.pk, hold()))
    reverse_payment(other.pk, reason="It bounced", actor=None)
    assert (invoice.deliveries.get().status, JobRun.objects.filter(params__invoices=[invoice.pk]).count()) == (
        "skipped",
        0,
    )
    reverse_payment(typed_in_error.pk, reason="Another customer's", actor=None)
    delivery = invoice.deliveries.get()
    assert (delivery.status, delivery.error) == ("pending", "")
    run = JobRun.objects.get(params__invoices=[invoice.pk])
    assert (run.job, run.reason) == ("deliver-invoices", "Another customer's")


def test_what_takes_no_payment_says_why(invoice: Invoice) -> None:
    note_delivery(invoice, "stripe", "done", reference="in_1")
    void, going, paid = make_invoice(), make_invoice(), make_invoice()
    void_invoice(void.pk, actor=None, reason="Wrong")
    note_delivery(going, "stripe", "running")
    pay(paid, paid.total_cents)
    note = credit_invoice(paid.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    draft_of = make_organization(make_plan())
    earn(make_creator(draft_of), AUGUST, 50_000)
    draft = make_draft(draft_of)
    for refused, act, said in (
        (
            invoice, pay,
            f"{invoice} is collected in Stripe. Record the payment there (“Mark as paid outside of Stripe”): it "
            "appears here within seconds.",
        ),
        (
            invoice, refund,
            f"{invoice} is collected in Stripe. Refund the payment there: it appears here within seconds.",
        ),
        (void, pay, f"{void} is void: payments are recorded on issued invoices."),
        (void, refund, f"{void} is void: refunds are recorded on issued invoices."),
        (going, pay, f"{going} is on its way to Stripe: wait until that step of its delivery has ended."),
        (note, pay, f"{note} asks for nothing, so there is no payment to record."),
        (note, refund, f"{note} is a credit note: record the refund on {paid}."),
        (draft, pay, f"{draft} is draft: payments are recorded on issued invoices."),
    ):  # fmt: skip
        with pytest.raises(Permanent) as error:
            act(refused, 100)
        assert error.value.message == said
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("cents", [0, -1])
def test_an_amount_is_above_zero(invoice: Invoice, cents: int) -> None:
    with pytest.raises(Permanent, match="Enter an amount above zero"):
        pay(invoice, cents)


def test_a_date_is_not_in_the_future(invoice: Invoice) -> None:
    with pytest.raises(Permanent, match="The date is in the future"):
        pay(invoice, 100, received_date=now().date() + dt.timedelta(days=1))


def test_the_same_form_records_once(invoice: Invoice) -> None:
    token = str(uuid4())
    assert pay(invoice, 4_000, token=token) == pay(invoice, 4_000, token=token)
    assert (state(invoice), Payment.objects.count()) == (("finalized", 4_000, 0, 6_000), 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same", [True, False])
def test_two_who_record_at_once_take_turns(same: bool) -> None:
    organization = make_organization(make_plan())
    earn(make_creator(organization), AUGUST, 50_000)
    invoice = make_invoice(organization)
    together, tokens = Barrier(2), ["one", "one" if same else "two"]

    def record(token: str) -> str:
        try:
            together.wait()
            pay(invoice, 6_000, token=token)
        except Permanent as error:
            return error.message
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(record, tokens))
    refused = (
        "" if same else f"USD 60.00 is more than the USD 40.00 that {invoice} still asks for. Correct the amount, or "
    )
    assert said == ["", refused + ("" if same else "confirm that the rest becomes the customer's credit.")]
    assert (state(invoice), Payment.objects.count()) == (("finalized", 6_000, 0, 4_000), 1)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_use_credit_once() -> None:
    organization = make_organization(make_plan())
    creator = make_creator(organization)
    earn(creator, AUGUST, 50_000)
    pay(make_invoice(organization), 13_000, accepts_excess=True)
    drafts = []
    for month in (SEPTEMBER, OCTOBER):
        earn(creator, month, 50_000)
        drafts.append(make_draft(organization, month))
    together = Barrier(2)

    def finalize(draft: Invoice) -> None:
        try:
            together.wait()
            with transaction.atomic():
                finalize_invoices([draft.pk], ISSUED_AT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(finalize, drafts))
    assert sorted(state(draft)[2:] for draft in drafts) == [(0, 10_000), (3_000, 7_000)]
    assert list_credits(organization.pk) == []


def test_a_payment_that_is_reversed_after_a_credit_note_leaves_what_the_credit_note_leaves() -> None:
    """The credit note had given back 6.40 of what was paid: of an invoice that is not paid, it takes them off."""
    invoice = make_invoice()
    payment = pay(invoice, 21_000)
    amounts = {invoice.lines.get(kind="commission").pk: 640}
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts=amounts)
    assert (state(invoice), credit(invoice)) == (("paid", 21_000, 0, 0), 640)
    after = issue(invoice.organization, 500)
    assert (state(after), credit(invoice)) == (("finalized", 0, 640, 860), 0)
    reverse_payment(payment.pk, actor=None, reason="Bounced")
    assert (state(invoice), credit(invoice)) == (("finalized", 0, 0, 20_360), -640)
    assert (invoice.credited_before_cents, invoice.credited_after_cents) == (640, 0)
    pay(invoice, 20_000)
    assert (state(invoice), credit(invoice)) == (("finalized", 20_000, 0, 360), -640)
    void_invoice(note.pk, actor=None, reason="Agreed otherwise")
    assert (state(invoice), credit(invoice)) == (("finalized", 20_000, 0, 1_000), -640)
