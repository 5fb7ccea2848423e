"""A month's invoice, line by line, with what each amount came from."""

import datetime as dt
from decimal import Decimal

import pytest
from pytest_django import Settings

from billing.explaining import explain
from billing.models import BillingAccount, CommissionStatement, Invoice, InvoiceLine, PlanTerms
from common.clock import Month
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.runs import bill_here

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(settings: Settings) -> Invoice:
    """An invoice that has something of everything."""
    settings.INVOICE_SELLER = {"name": "Huntaze", "address": "Dublin", "email": "b@h.test", "tax_id": "IE1"}
    plan = make_plan(
        ((0, 1_000), (100_000, 500)), name="Growth", base_fee_cents=4_900, minimum_commission_cents=300,
        commission_free_months=2,
    )  # fmt: skip
    meter = price_meter(plan, "messages", "0.25", "100")
    price_meter(plan, "tokens", "1")
    organization = make_organization(
        plan, name="Aurora", email="a@aurora.test",
        account={
            "tax_rate_bps": 2_300, "address": "1 Street\nCork", "tax_id": "IE2", "invoice_email": "pay@aurora.test",
        },
    )  # fmt: skip
    star, muse, nova, echo = (
        make_creator(organization, display_name=name) for name in ("Star", "Muse", "Nova", "Echo")
    )
    type(nova).objects.filter(pk=nova.pk).update(created_at=dt.datetime(2026, 7, 31, 23, 59, tzinfo=dt.UTC))
    earn(star, AUGUST, 150_000, "subscriptions", 120_000)
    earn(star, AUGUST, -10_000, "chargebacks", -8_000)
    earn(muse, AUGUST, 1_000, "tips", 800)
    earn(nova, AUGUST, 90_000)
    earn(echo, AUGUST, -500, "chargebacks", -400)
    use(organization, meter, AUGUST, "110.5")
    bill_here(AUGUST, organization.pk)
    return Invoice.objects.get()


def test_its_lines(invoice: Invoice) -> None:
    lines = invoice.lines.order_by("position").values_list(
        "position", "kind", "description", "quantity", "amount_cents"
    )
    assert list(lines) == [
        (1, "base_fee", "Growth, base fee", Decimal(1), 4_900),
        (2, "commission", "Commission Star", Decimal(1), 10_600),  # 10 % of 1,000.00, 5 % of 120.00
        (3, "commission", "Commission Muse", Decimal(1), 300),  # the minimum
        (4, "commission", "Commission Nova", Decimal(1), 0),  # the second of two free months
        (5, "commission", "Commission Echo", Decimal(1), 0),  # a deficit
        (6, "usage", "Usage messages", Decimal("110.5"), 3),  # 10.5 beyond what is included: 2.625
        (7, "tax", "Tax 23 %", Decimal(1), 3_635),  # 3,634.69
    ]
    assert (invoice.subtotal_cents, invoice.tax_cents, invoice.total_cents) == (15_803, 3_635, 19_438)
    assert {line.month for line in invoice.lines.all()} == {AUGUST.first_day}


def test_what_it_says_about_itself(invoice: Invoice) -> None:
    assert (invoice.kind, invoice.status, invoice.number, invoice.currency) == (
        "invoice", "finalized", "INV-2026-000001", "USD",
    )  # fmt: skip
    assert (invoice.issue_date, invoice.due_date) == (dt.date(2026, 9, 1), dt.date(2026, 9, 15))
    assert invoice.seller == {"name": "Huntaze", "address": "Dublin", "email": "b@h.test", "tax_id": "IE1"}
    assert (invoice.buyer["name"], invoice.buyer["address"], invoice.buyer["tax_id"]) == (
        "Aurora",
        "1 Street\nCork",
        "IE2",
    )


def test_the_parties_stay_as_they_were(invoice: Invoice, settings: Settings) -> None:
    before = (invoice.seller, invoice.buyer)
    invoice.organization.name = "Borealis"
    invoice.organization.save()
    BillingAccount.objects.update(address="Elsewhere", tax_rate_bps=0)
    settings.INVOICE_SELLER = {"name": "Somebody else"}
    bill_here(AUGUST, invoice.organization_id)
    invoice.refresh_from_db()
    assert (invoice.seller, invoice.buyer) == before
    assert invoice.total_cents == 19_438


def test_each_line_explains_its_amount(invoice: Invoice) -> None:
    for line in invoice.lines.all():
        assert explain(line.explanation, invoice.currency)
    star = invoice.lines.get(position=2)
    assert star.explanation == {
        "formula": "commission",
        "basis": "net",
        "gross_cents": 140_000,
        "net_cents": 112_000,
        "categories": [["chargebacks", -10_000, -8_000], ["subscriptions", 150_000, 120_000]],
        "carried_in_cents": 0,
        "basis_cents": 112_000,
        "slices": [[0, 100_000, 100_000, 1_000], [100_000, None, 12_000, 500]],
        "before_rounding": "10600",
        "commission_cents": 10_600,
        "carried_cents": 0,
    }
    usage = invoice.lines.get(kind="usage").explanation
    assert (usage["billable_quantity"], usage["before_rounding"], usage["amount_cents"]) == ("10.5", "2.625", 3)
    tax = invoice.lines.get(kind="tax").explanation
    assert (tax["subtotal_cents"], tax["rate_bps"]) == (15_803, 2_300)


def test_statements_keep_the_summary_on_the_creators_record(invoice: Invoice) -> None:
    rows = CommissionStatement.objects.order_by("creator_id").values_list(
        "creator__display_name", "gross_cents", "net_cents", "basis_cents", "commission_cents", "carried_cents"
    )
    assert list(rows) == [
        ("Star", 140_000, 112_000, 112_000, 10_600, 0),
        ("Muse", 1_000, 800, 800, 300, 0),
        ("Nova", 90_000, 90_000, 90_000, 0, 0),
        ("Echo", -500, -400, -400, 0, -400),
    ]
    assert set(CommissionStatement.objects.values_list("invoice", "month")) == {(invoice.pk, AUGUST.first_day)}


def test_a_deficit_is_carried_over_months_without_earnings(invoice: Invoice) -> None:
    echo = CommissionStatement.objects.get(carried_cents=-400).creator
    earn(echo, AUGUST.plus(2), 1_400)
    for month in (AUGUST.plus(1), AUGUST.plus(2)):
        bill_here(month, invoice.organization_id)
    october = CommissionStatement.objects.get(creator=echo, month=AUGUST.plus(2).first_day)
    assert (october.carried_in_cents, october.basis_cents, october.commission_cents) == (-400, 1_000, 300)


def test_terms_are_kept_once_as_they_stood(invoice: Invoice) -> None:
    plan = invoice.terms.plan
    bill_here(AUGUST.plus(1), invoice.organization_id)
    assert PlanTerms.objects.count() == 1
    plan.base_fee_cents = 5_000
    plan.save()
    bill_here(AUGUST.plus(2), invoice.organization_id)
    assert PlanTerms.objects.count() == 2
    assert invoice.terms.terms["base_fee_cents"] == 4_900
    fees = InvoiceLine.objects.filter(kind="base_fee").order_by("id").values_list("amount_cents", flat=True)
    assert list(fees) == [4_900, 4_900, 5_000]


@pytest.mark.parametrize(("created", "free"), [("2026-06-30", False), ("2026-07-01", True), ("2026-08-31", True)])
def test_free_months_are_counted_from_the_month_of_creation(created: str, free: bool) -> None:
    organization = make_organization(make_plan(commission_free_months=2))
    at = dt.datetime.fromisoformat(f"{created}T12:00:00+00:00")
    earn(make_creator(organization, created_at=at), AUGUST, 10_000)
    bill_here(AUGUST, organization.pk)
    assert Invoice.objects.get().total_cents == (0 if free else 2_000)


def test_organizations_of_one_batch_do_not_mix() -> None:
    made = []
    for number in range(1, 6):
        plan = make_plan(((0, 1_000 * number),), base_fee_cents=number)
        organization = make_organization(plan, account={"tax_rate_bps": 100 * number})
        meter = price_meter(plan, "messages", str(number))
        for _ in range(number):
            earn(make_creator(organization), AUGUST, 1_000)
        use(organization, meter, AUGUST, "7")
        made.append(organization.pk)
    bill_here(AUGUST, *made)
    for number, id_ in enumerate(made, start=1):
        subtotal = number + number * 100 * number + 7 * number
        invoice = Invoice.objects.get(organization=id_)
        assert invoice.subtotal_cents == subtotal
        assert invoice.lines.count() == 1 + number + 1 + 1
    assert Month.of(invoice.month) == AUGUST
