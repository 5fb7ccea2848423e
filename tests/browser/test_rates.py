"""Amounts and rates as staff type them: an unusual rate is asked about at its field."""

import pytest
from playwright.sync_api import expect

from billing.models import BillingAccount, CommissionBracket
from tests.browser.conftest import OpenDesk
from tests.factories.billing import make_organization, make_plan, price_meter
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_an_unusual_rate_of_tax_is_confirmed_or_corrected(open_desk: OpenDesk, outside: Outside) -> None:
    organization = make_organization(account={"tax_rate_bps": 2_000, "max_total_cents": 5_000_000})
    account = organization.billing_account
    desk = open_desk(make_staff("Finance"))
    desk.open(f"/admin/billing/billingaccount/{account.pk}/change/")
    rate = desk.page.get_by_label("Tax rate")
    expect(rate).to_have_value("20")
    expect(desk.page.get_by_label("Max total")).to_have_value("50,000.00")
    rate.fill("0.25")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_text("0.25 % is unusual: most rates are between 1 % and 40 %.")).to_be_visible()
    desk.page.get_by_label("0.25 % is unusual. Tick to confirm.").check()
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_text("was changed successfully")).to_be_visible()
    assert BillingAccount.objects.get().tax_rate_bps == 25


def test_a_plan_is_typed_in_amounts_and_percent(open_desk: OpenDesk, outside: Outside) -> None:
    plan = make_plan(((0, 2_000), (500_000, 50)), base_fee_cents=4_900, name="Growth")
    price_meter(plan, "messages", "0.25", "2000")
    desk = open_desk(make_staff("Finance"))
    desk.open(f"/admin/billing/plan/{plan.pk}/change/")
    expect(desk.page.get_by_label("Base fee")).to_have_value("49.00")
    expect(desk.page.get_by_label("0.5 % is unusual. Tick to confirm.")).to_be_checked()
    desk.page.locator("[name=brackets-1-rate_bps]").fill("7.25")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_text("was changed successfully")).to_be_visible()
    assert CommissionBracket.objects.get(plan=plan, from_cents=500_000).rate_bps == 725
