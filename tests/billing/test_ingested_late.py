"""Earnings that come in after their month was billed: the next invoice settles the difference, to the cent."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from billing.explaining import explain
from billing.models import CommissionStatement, InvoiceLine
from common.clock import Month
from onlyfans.models import EarningsAggregate
from onlyfans.services.ingesting import attach_unmatched
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.factories.earnings import NOW
from tests.factories.runs import bill_here, let_time_pass

pytestmark = pytest.mark.django_db
SECRET = "cron-secret-of-these-tests"
OCTOBER, NOVEMBER, DECEMBER = (Month(2026, number) for number in range(10, 13))
WIDE = {"max_total_cents": 10**12, "max_change_percent": 10**9, "max_lines": 10_000}
TOTALS = {"grossCents": 125_001, "netCents": 100_003}
CATEGORIES = {
    "tips": {"grossCents": 100_001, "netCents": 80_003},
    "posts": {"grossCents": 25_000, "netCents": 20_000},
}


class Shop:
    """An organization that pays 12.5 % of one creator's net earnings, which come in over HTTP."""

    def __init__(self) -> None:
        self.organization = make_organization(make_plan(((0, 1250),)), account=WIDE)
        self.creator = make_creator(self.organization, onlyfans_user_id="of_aurora")

    def send(self, **figures: Any) -> str:
        row = {"userId": "of_aurora", "month": str(OCTOBER), "currency": "USD", **figures}
        answer = Client().post(
            "/api/ingest/of-aggregates", json.dumps(row), "application/json", headers={"x-cron-secret": SECRET}
        )
        (outcome,) = answer.json()["outcomes"]
        return str(outcome["outcome"])

    def bill(self, month: Month) -> None:
        bill_here(month, self.organization.pk)
        # A day later nothing written before is looked at again for its date alone.
        let_time_pass(2)

    def list_adjustments(self, month: Month) -> list[tuple[Month, int]]:
        lines = InvoiceLine.objects.filter(invoice__month=month.first_day, kind="adjustment").order_by("position")
        return [(Month.of(line.month), line.amount_cents) for line in lines]

    @property
    def commission(self) -> int:
        """All that was billed for October."""
        lines = InvoiceLine.objects.filter(creator=self.creator, month=OCTOBER.first_day)
        return sum(line.amount_cents for line in lines)


@pytest.fixture
def shop(settings: Settings) -> Shop:
    settings.CRON_SECRETS = (SECRET,)
    return Shop()


def test_totals_are_billed_and_other_totals_are_trued_up(shop: Shop) -> None:
    assert shop.send(**TOTALS) == "created"
    shop.bill(OCTOBER)
    assert shop.commission == 12_500  # 12.5 % of 1,000.03 is 125.00375
    assert shop.send(grossCents=125_001, netCents=100_100) == "updated"
    shop.bill(NOVEMBER)
    assert shop.list_adjustments(NOVEMBER) == [(OCTOBER, 12)]  # 125.125 is rounded half to even: 125.12
    assert shop.commission == 12_512
    shop.bill(DECEMBER)
    assert shop.list_adjustments(DECEMBER) == []


def test_categories_that_add_up_to_the_totals_make_no_difference(shop: Shop) -> None:
    shop.send(**TOTALS)
    shop.bill(OCTOBER)
    changed = EarningsAggregate.objects.get().changed_at
    assert shop.send(categories=CATEGORIES) == "updated"
    assert EarningsAggregate.objects.get(category="uncategorized").changed_at > changed
    shop.bill(NOVEMBER)
    assert (shop.list_adjustments(NOVEMBER), shop.commission) == ([], 12_500)


def test_categories_with_a_late_chargeback_are_trued_up_and_explained(shop: Shop) -> None:
    shop.send(**TOTALS)
    shop.bill(OCTOBER)
    chargeback = {"grossCents": -10_000, "netCents": -8_000}
    assert shop.send(categories={**CATEGORIES, "chargebacks": chargeback}) == "updated"
    shop.bill(NOVEMBER)
    assert shop.list_adjustments(NOVEMBER) == [(OCTOBER, -1_000)]
    statement = CommissionStatement.objects.get(month=OCTOBER.first_day)
    assert (statement.net_cents, statement.commission_cents) == (92_003, 11_500)
    line = InvoiceLine.objects.get(invoice__month=NOVEMBER.first_day, kind="adjustment")
    said = " ".join(explain(line.explanation, "USD"))
    assert "chargebacks -USD 80.00, posts USD 200.00, tips USD 800.03" in said
    assert "uncategorized" not in said


def test_what_is_stale_or_the_same_changes_no_invoice(shop: Shop) -> None:
    shop.send(**TOTALS, receivedAt="2026-11-02T00:00:00Z")
    shop.bill(OCTOBER)
    assert shop.send(**TOTALS, receivedAt="2026-11-02T00:00:00Z") == "unchanged"
    assert shop.send(grossCents=1, netCents=1, receivedAt="2026-11-01T00:00:00Z") == "stale"
    shop.bill(NOVEMBER)
    assert (shop.list_adjustments(NOVEMBER), shop.commission) == ([], 12_500)


def test_a_creator_who_is_set_up_late_is_billed_for_what_waited(shop: Shop) -> None:
    shop.creator.onlyfans_user_id = "of_before"
    shop.creator.save()
    assert shop.send(**TOTALS) == "unmatched"
    shop.bill(OCTOBER)
    assert shop.commission == 0
    shop.creator.onlyfans_user_id = "of_aurora"
    shop.creator.save()
    assert attach_unmatched(NOW) == 1
    shop.bill(NOVEMBER)
    assert shop.list_adjustments(NOVEMBER) == [(OCTOBER, 12_500)]
