"""What arrives late, case by case: deficits, corrections and months billed out of turn."""

import datetime as dt
from collections import defaultdict

import pytest
from django.db.models import QuerySet

from accounts.models import Organization
from billing.models import CommissionStatement, Invoice, InvoiceLine, Meter
from billing.services.correcting import void_invoice
from common.clock import Month
from common.errors import Permanent
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.factories.billing import earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.runs import bill_anew_here, bill_here, let_time_pass

pytestmark = pytest.mark.django_db

JANUARY, FEBRUARY, MARCH, APRIL, MAY = (Month(2025, number) for number in range(1, 6))
WIDE = {"max_total_cents": 10**12, "max_change_percent": 10**9, "max_lines": 10_000}


class Shop:
    """An organization that pays 10 % of one creator's net earnings, and a cent a message."""

    def __init__(self) -> None:
        plan = make_plan(((0, 1000),))
        self.meter: Meter = price_meter(plan, "messages", "1")
        self.organization: Organization = make_organization(plan, account=WIDE)
        self.creator: CreatorAccount = make_creator(self.organization)

    def earn(self, month: Month, cents: int) -> None:
        earn(self.creator, month, cents, "tips" if cents >= 0 else "chargebacks")

    def use(self, month: Month, quantity: int) -> None:
        use(self.organization, self.meter, month, str(quantity))

    def bill(self, *months: Month) -> None:
        for month in months:
            bill_here(month, self.organization.pk)

    def bill_anew(self, month: Month) -> None:
        bill_anew_here(month, self.organization.pk)

    def void(self, month: Month) -> None:
        invoice = Invoice.objects.get(month=month.first_day, status="finalized", corrects=None)
        void_invoice(invoice.pk, actor=None, reason="Wrong")

    @property
    def commission(self) -> dict[Month, int]:
        """Cents billed by month that they are for."""
        return self._sum(InvoiceLine.objects.filter(creator=self.creator))

    @property
    def usage(self) -> dict[Month, int]:
        return self._sum(InvoiceLine.objects.filter(meter=self.meter))

    @staticmethod
    def _sum(lines: QuerySet[InvoiceLine]) -> dict[Month, int]:
        sums: dict[Month, int] = defaultdict(int)
        for line in lines.exclude(invoice__status="void"):
            sums[Month.of(line.month)] += line.amount_cents
        return dict(sums)

    def list_adjustments(self, month: Month) -> list[tuple[Month, int]]:
        lines = InvoiceLine.objects.filter(invoice__month=month.first_day, kind="adjustment")
        lines = lines.exclude(invoice__status="void").order_by("position")
        return [(Month.of(line.month), line.amount_cents) for line in lines]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_deficit_survives_a_change_of_the_month_before_it(shop: Shop) -> None:
    for month, cents in ((JANUARY, 10_000), (FEBRUARY, -3_000), (MARCH, 10_000)):
        shop.earn(month, cents)
    shop.bill(JANUARY, FEBRUARY)
    shop.earn(JANUARY, 20_000)
    shop.bill(MARCH)
    march = CommissionStatement.objects.get(month=MARCH.first_day)
    assert (march.carried_in_cents, march.basis_cents, march.commission_cents) == (-3_000, 7_000, 700)
    assert shop.commission == {JANUARY: 2_000, FEBRUARY: 0, MARCH: 700}
    shop.bill(APRIL)
    assert shop.list_adjustments(APRIL) == []


def test_a_late_chargeback_is_carried_over_the_months_since(shop: Shop) -> None:
    for month in (JANUARY, FEBRUARY, MARCH):
        shop.earn(month, 10_000)
    shop.bill(JANUARY, FEBRUARY)
    shop.earn(JANUARY, -14_000)
    shop.bill(MARCH)
    assert shop.list_adjustments(MARCH) == [(JANUARY, -1_000), (FEBRUARY, -400)]
    assert shop.commission == {JANUARY: 0, FEBRUARY: 600, MARCH: 1_000}


def test_what_came_long_ago_is_settled_again_where_its_settlement_is_void(shop: Shop) -> None:
    shop.earn(JANUARY, 10_000)
    shop.bill(JANUARY)
    shop.earn(JANUARY, 15_000)
    shop.use(JANUARY, 7)
    let_time_pass(30)
    shop.bill(FEBRUARY)
    let_time_pass(30)
    shop.void(FEBRUARY)
    assert shop.commission == {JANUARY: 1_000}
    shop.bill(FEBRUARY)
    assert shop.list_adjustments(FEBRUARY) == [(JANUARY, 500), (JANUARY, 7)]


def test_an_older_settlement_made_anew_after_a_newer_one(shop: Shop) -> None:
    shop.earn(JANUARY, 10_000)
    shop.bill(JANUARY)
    shop.earn(JANUARY, 15_000)
    shop.use(JANUARY, 7)
    let_time_pass(30)
    shop.bill(FEBRUARY)
    shop.earn(JANUARY, 17_000)
    shop.use(JANUARY, 9)
    let_time_pass(30)
    shop.bill(MARCH)
    shop.bill_anew(FEBRUARY)
    assert shop.list_adjustments(FEBRUARY) == [(JANUARY, 500), (JANUARY, 7)]
    assert shop.list_adjustments(MARCH) == [(JANUARY, 200), (JANUARY, 2)]
    assert (shop.commission[JANUARY], shop.usage[JANUARY]) == (1_700, 9)


def test_a_settlement_made_anew_after_its_month_was(shop: Shop) -> None:
    shop.earn(JANUARY, 10_000)
    shop.bill(JANUARY)
    shop.earn(JANUARY, 15_000)
    shop.use(JANUARY, 7)
    let_time_pass(30)
    shop.bill(FEBRUARY)
    shop.bill_anew(JANUARY)
    assert shop.list_adjustments(JANUARY) == [(JANUARY, -500), (JANUARY, -7)]
    let_time_pass(30)
    shop.bill_anew(FEBRUARY)
    assert (shop.commission[JANUARY], shop.usage[JANUARY]) == (1_500, 7)


def test_a_void_settlement_is_taken_up_by_the_next_invoice(shop: Shop) -> None:
    shop.earn(JANUARY, 10_000)
    shop.bill(JANUARY)
    shop.earn(JANUARY, 15_000)
    shop.use(JANUARY, 7)
    let_time_pass(30)
    shop.bill(FEBRUARY, MARCH)
    let_time_pass(30)
    shop.void(FEBRUARY)
    shop.bill(APRIL)
    assert shop.list_adjustments(APRIL) == [(JANUARY, 500), (JANUARY, 7)]
    shop.bill(FEBRUARY)
    assert shop.list_adjustments(FEBRUARY) == []
    assert (shop.commission[JANUARY], shop.usage[JANUARY]) == (1_500, 7)


def test_what_came_before_an_older_month_was_billed_late(shop: Shop) -> None:
    shop.earn(JANUARY, 10_000)
    shop.earn(FEBRUARY, 10_000)
    shop.bill(JANUARY, FEBRUARY)
    shop.void(JANUARY)
    shop.earn(FEBRUARY, 15_000)
    shop.use(FEBRUARY, 7)
    let_time_pass(30)
    shop.bill(JANUARY, MARCH)
    assert shop.list_adjustments(MARCH) == [(FEBRUARY, 500), (FEBRUARY, 7)]


def test_a_deficit_of_a_month_billed_late_reaches_the_months_after_it(shop: Shop) -> None:
    for month, cents in ((JANUARY, 1_000), (FEBRUARY, -5_000), (MARCH, 10_000)):
        shop.earn(month, cents)
    shop.bill(JANUARY, MARCH)
    shop.bill(FEBRUARY)
    assert shop.commission == {JANUARY: 100, FEBRUARY: 0, MARCH: 1_000}
    shop.bill(APRIL)
    assert shop.list_adjustments(APRIL) == [(MARCH, -500)]


def test_earnings_of_a_creator_who_was_not_there_yet(shop: Shop) -> None:
    shop.bill(JANUARY, FEBRUARY)
    late = make_creator(shop.organization, created_at=dt.datetime(2025, 1, 31, 23, tzinfo=dt.UTC))
    earn(late, JANUARY, 8_000)
    shop.bill(MARCH)
    assert shop.list_adjustments(MARCH) == [(JANUARY, 800)]
    shop.bill(APRIL)
    assert shop.list_adjustments(APRIL) == []


def test_late_usage_counts_from_where_the_month_stood(shop: Shop) -> None:
    """What was included is included once, over the month's whole usage."""
    plan = make_plan()
    meter = price_meter(plan, "tokens", "0.5", "10")
    organization = make_organization(plan, account=WIDE)
    use(organization, meter, JANUARY, "7")
    bill_here(JANUARY, organization.pk)
    use(organization, meter, JANUARY, "8", hour=743)
    use(organization, meter, FEBRUARY, "11")
    bill_here(FEBRUARY, organization.pk)
    lines = InvoiceLine.objects.filter(invoice__organization=organization, meter=meter).order_by("id")
    # 15 - 10 = 5 at half a cent is 2.5, half-even 2; in February 1 at half a cent is 0.5, half-even 0.
    assert list(lines.values_list("invoice__month", "kind", "amount_cents")) == [
        (JANUARY.first_day, "usage", 0),
        (FEBRUARY.first_day, "usage", 0),
        (FEBRUARY.first_day, "adjustment", 2),
    ]


def test_late_figures_are_billed_under_the_terms_of_their_month(shop: Shop) -> None:
    shop.earn(JANUARY, 10_000)
    shop.bill(JANUARY)
    shop.organization.billing_account.plan.brackets.update(rate_bps=5000)
    shop.earn(JANUARY, 20_000)
    shop.earn(FEBRUARY, 10_000)
    shop.bill(FEBRUARY)
    assert shop.list_adjustments(FEBRUARY) == [(JANUARY, 1_000)]
    assert shop.commission == {JANUARY: 2_000, FEBRUARY: 5_000}


@pytest.mark.parametrize("cents", [10_000, 12_000])
def test_late_figures_in_another_currency_are_refused_and_never_converted(shop: Shop, cents: int) -> None:
    shop.earn(JANUARY, 10_000)
    shop.bill(JANUARY)
    EarningsAggregate.objects.filter(creator=shop.creator).update(
        currency="EUR", gross_cents=cents * 10 // 8, net_cents=cents
    )
    with pytest.raises(Permanent, match=r"January 2025 .* came in EUR, but that month was billed in USD"):
        shop.bill(FEBRUARY)
    assert shop.commission == {JANUARY: 1_000}
    EarningsAggregate.objects.filter(creator=shop.creator).update(currency="USD")
    shop.bill(FEBRUARY)
    assert shop.commission[JANUARY] == cents // 10
