"""What looks odd waits for a person, who lets it go on as it is or frees the month."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Organization
from billing.models import CommissionStatement, Invoice, InvoiceAction
from billing.services.correcting import approve_invoice, reject_invoice
from billing.services.deciding import approve_and_bill
from common.clock import now
from common.errors import Permanent
from jobs.engine import work
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill, bill_here
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db
JULY = AUGUST.plus(-1)


def make(cents: int, creators: int = 1, **account: Any) -> Organization:
    """An organization that is billed 20 % of what each of its creators earned."""
    organization = make_organization(account=account)
    for _ in range(creators):
        earn(make_creator(organization), AUGUST, cents)
    return organization


def bill_one(organization: Organization) -> Invoice:
    bill_here(AUGUST, organization.pk)
    return Invoice.objects.get(organization=organization, month=AUGUST.first_day)


def outcome(organization: Organization) -> tuple[str, str]:
    invoice = bill_one(organization)
    assert (invoice.number is not None) == (invoice.status == "finalized")
    return invoice.status, invoice.held_reason


def test_lines(settings: Settings) -> None:
    settings.BILLING_MAX_LINES = 3
    assert outcome(make(1_000, creators=3)) == ("finalized", "")
    assert outcome(make(1_000, creators=4)) == ("held", "It has 4 lines; more than 3 wait for approval.")
    assert outcome(make(1_000, creators=4, max_lines=4)) == ("finalized", "")
    assert outcome(make(1_000, creators=2, max_lines=1)) == ("held", "It has 2 lines; more than 1 wait for approval.")


def test_total(settings: Settings) -> None:
    settings.BILLING_MAX_TOTAL_CENTS = 2_000
    assert outcome(make(10_000)) == ("finalized", "")
    assert outcome(make(10_005)) == ("held", "Its total of USD 20.01 is above USD 20.00.")
    assert outcome(make(10_005, max_total_cents=2_001)) == ("finalized", "")
    assert outcome(make(10_000, max_total_cents=1_999)) == ("held", "Its total of USD 20.00 is above USD 19.99.")


def test_tax_counts(settings: Settings) -> None:
    settings.BILLING_MAX_TOTAL_CENTS = 2_000
    assert outcome(make(10_000, tax_rate_bps=100)) == ("held", "Its total of USD 20.20 is above USD 20.00.")


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ({"max_total_cents": 0}, "Its total of USD 20.00 is above USD 0.00."),
        ({"max_lines": 0}, "It has 1 lines; more than 0 wait for approval."),
    ],
)
def test_a_bound_of_zero_holds_everything(account: dict[str, int], reason: str) -> None:
    assert outcome(make(10_000, **account)) == ("held", reason)


@pytest.mark.parametrize(
    ("before", "after", "account", "is_held"),
    [
        (1_000, 4_000, {}, False),
        (1_000, 4_005, {}, True),
        (1_000, 0, {}, False),
        (1_000, 4_005, {"max_change_percent": 301}, False),
        (1_000, 1_105, {"max_change_percent": 10}, True),
        (1_000, 895, {"max_change_percent": 10}, True),
        (1_000, 1_005, {"max_change_percent": 0}, True),
        (1_000, 1_000, {"max_change_percent": 0}, False),
    ],
)
def test_change_against_the_month_before(before: int, after: int, account: dict[str, int], is_held: bool) -> None:
    organization = make(after, **account)
    earn(organization.creators.get(), JULY, before)
    bill_here(JULY, organization.pk)
    status, reason = outcome(organization)
    if is_held:
        percent = account.get("max_change_percent", 300)
        totals = f"USD {after / 500:.2f} differs by more than {percent} % from USD {before / 500:.2f}"
        assert (status, reason) == ("held", f"Its total of {totals} of the month before.")
    else:
        assert (status, reason) == ("nothing_due" if after == 0 else "finalized", "")


def test_the_first_month_has_nothing_to_differ_from() -> None:
    assert outcome(make(100_000)) == ("finalized", "")


def test_a_big_credit_waits_too() -> None:
    organization = make(0, max_total_cents=2_000, max_change_percent=10_000)
    earn(organization.creators.get(), JULY, 10_005)
    bill_here(JULY, organization.pk)
    approve_invoice(Invoice.objects.get().pk, actor=None, reason="Expected")
    earn(organization.creators.get(), JULY, 0)
    assert outcome(organization) == ("held", "Its total of -USD 20.01 is above USD 20.00.")


def test_a_held_one_is_computed_anew_until_somebody_decides() -> None:
    organization = make(10_005, max_total_cents=2_000)
    first = bill_one(organization)
    earn(organization.creators.get(), AUGUST, 10_000)
    again = bill_one(organization)
    assert (again.pk, again.status, again.total_cents) == (first.pk, "finalized", 2_000)
    assert Invoice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_approved_it_goes_on_as_it_was() -> None:
    organization = make(10_005, max_total_cents=2_000)
    run = bill(AUGUST)
    item = run.items.get()
    assert (run.status, item.status) == ("succeeded", "skipped")
    assert item.result["note"] == "Held for approval: Its total of USD 20.01 is above USD 20.00."
    assert run.summary["held"] == 1
    held = Invoice.objects.get()
    lines = list(held.lines.values("position", "amount_cents", "explanation"))
    # What comes in while it waits does not change what the person saw; the next invoice settles it.
    earn(organization.creators.get(), AUGUST, 20_000)
    actor = make_staff(superuser=True)
    work(approve_and_bill(held.pk, actor=actor, reason="A good month").pk, wait=True)
    held.refresh_from_db()
    assert (held.status, held.total_cents, held.number) == ("finalized", 2_001, f"INV-{now().year}-000001")
    assert list(held.lines.values("position", "amount_cents", "explanation")) == lines
    action = InvoiceAction.objects.get()
    assert (action.verb, action.actor, action.reason, action.data) == (
        "approve", actor, "A good month", {"total_cents": 2_001},
    )  # fmt: skip
    bill(AUGUST.plus(1))
    settled = Invoice.objects.get(month=AUGUST.plus(1).first_day).lines.get(kind="adjustment")
    assert settled.amount_cents == 4_000 - 2_001


def test_rejected_it_frees_the_month() -> None:
    organization = make(10_005, max_total_cents=2_000)
    held = bill_one(organization)
    reject_invoice(held.pk, actor=None, reason="A typing error at the gateway")
    assert not CommissionStatement.objects.exists()
    earn(organization.creators.get(), AUGUST, 1_000)
    bill_here(AUGUST, organization.pk)
    assert list(Invoice.objects.order_by("id").values_list("status", "total_cents", "number")) == [
        ("rejected", 2_001, None),
        ("finalized", 200, "INV-2026-000001"),
    ]
    assert InvoiceAction.objects.get().verb == "reject"


def test_a_rejection_wants_a_reason() -> None:
    held = bill_one(make(10_005, max_total_cents=2_000))
    with pytest.raises(Permanent, match="Say why"):
        reject_invoice(held.pk, actor=None, reason=" ")
    held.refresh_from_db()
    assert held.status == "held"


@pytest.mark.parametrize("decide", [approve_invoice, reject_invoice])
def test_only_what_is_held_can_be_decided(decide: Any) -> None:
    held = bill_one(make(10_005, max_total_cents=2_000))
    approve_invoice(held.pk, actor=None, reason="")
    with pytest.raises(Permanent, match="is not held but draft"):
        decide(held.pk, actor=None, reason="Twice")
    assert InvoiceAction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_rest_goes_on() -> None:
    made = [make(1_000), make(10_005, max_total_cents=2_000), make(3_000)]
    run = bill(AUGUST)
    assert (run.status, run.done, run.skipped, run.failed) == ("succeeded", 2, 1, 0)
    statuses = dict(Invoice.objects.values_list("organization", "status"))
    assert [statuses[organization.pk] for organization in made] == ["finalized", "held", "finalized"]
    numbers = Invoice.objects.filter(number__isnull=False).order_by("number").values_list("number", flat=True)
    assert list(numbers) == [f"INV-{now().year}-000001", f"INV-{now().year}-000002"]


def test_a_negative_total_becomes_a_credit_note() -> None:
    organization = make(0)
    creator = organization.creators.get()
    earn(creator, JULY, 10_000)
    bill_here(JULY, organization.pk)
    earn(creator, JULY, 4_000)
    note = bill_one(organization)
    assert (note.kind, note.status, note.total_cents, note.number) == (
        "credit_note", "paid", -1_200, "CN-2026-000001",
    )  # fmt: skip
    assert note.corrects is None


@pytest.mark.parametrize(("wanted", "status"), [(False, "nothing_due"), (True, "paid")])
def test_a_zero_total_is_issued_only_where_the_plan_says_so(wanted: bool, status: str) -> None:
    organization = make_organization(make_plan(issue_zero_invoices=wanted))
    make_creator(organization)
    invoice = bill_one(organization)
    assert (invoice.kind, invoice.status, invoice.total_cents) == ("invoice", status, 0)
    assert (invoice.number is None) == (not wanted)


def test_what_stripe_cant_charge_is_not_approved(settings: Settings) -> None:
    """It was computed while Stripe was off for the account: approved, it would have a number and never get there."""
    settings.INVOICE_ENABLE_STRIPE = True
    organization = make(510_000_000, max_total_cents=100, deliver_stripe=False)
    held = bill_one(organization)
    assert (held.status, held.total_cents) == ("held", 102_000_000)
    organization.billing_account.deliver_stripe = True
    organization.billing_account.save()
    with pytest.raises(Permanent) as error:
        approve_invoice(held.pk, actor=None, reason="Fine")
    assert error.value.message == (
        "The total comes to USD 1,020,000.00, and Stripe takes at most USD 999,999.99. Switch “Invoice through Stripe” "
        "off on the billing account, then run the month again."
    )
    held.refresh_from_db()
    assert (held.status, InvoiceAction.objects.count()) == ("held", 0)
    settings.INVOICE_ENABLE_STRIPE = False
    assert approve_invoice(held.pk, actor=None, reason="Fine").status == "draft"
