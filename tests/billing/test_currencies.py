"""Invoices in every kind of currency: what can be charged is, and what can't be is refused before it is issued."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Organization
from billing.explaining import explain
from billing.models import BillingAccount, Invoice, Plan
from billing.pricing import UsagePrice, compute_tax, compute_usage
from billing.providers.stripe_amounts import to_wire
from billing.services.computing import compute_invoices
from billing.services.correcting import credit_invoice
from common.errors import Permanent
from common.money import CURRENCIES
from sandbox.stripe.amounts import check_amount
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.invoices import ISSUED_AT, make_draft, make_invoice

pytestmark = pytest.mark.django_db


def prepare(currency: str, cents: int = 0, **plan: Any) -> Organization:
    organization = make_organization(make_plan(name="Starter", currency=currency, **plan), currency=currency)
    if cents:
        earn(make_creator(organization, display_name="Zoë"), AUGUST, cents, currency=currency)
    return organization


def refuse(organization: Organization) -> str:
    computed = compute_invoices([organization.pk], AUGUST, run_id=None)
    assert computed.drafts == {}
    assert not Invoice.objects.exists()
    return computed.refused[organization.pk].message


@given(
    st.sampled_from(sorted(CURRENCIES)),
    st.integers(-(10**7), 10**7),
    st.integers(0, 10_000),
    st.decimals("0", "10000", places=4),
)
def test_whatever_is_computed_can_be_sent(currency: str, cents: int, rate: int, quantity: Decimal) -> None:
    price = UsagePrice(1, "messages", "message", Decimal(0), Decimal("0.25"))
    for charge in (compute_tax(cents, rate, currency), compute_usage(price, quantity, currency)):
        check_amount(to_wire(charge.amount_cents, currency), currency.lower(), "amount")


def test_lines_in_three_decimals_are_rounded_to_what_can_be_charged_and_say_so() -> None:
    organization = prepare("KWD", 12_345, base_fee_cents=4_990)
    BillingAccount.objects.update(tax_rate_bps=500)
    meter = price_meter(Plan.objects.get(), "messages", "2.5")
    use(organization, meter, AUGUST, "3")
    invoice = make_draft(organization)
    lines = {line.kind: line for line in invoice.lines.all()}
    assert {kind: line.amount_cents for kind, line in lines.items()} == {
        # 2.469 and 0.0075 to the hundredth; 5 % of 7.470 is 0.3735.
        "base_fee": 4_990, "commission": 2_470, "usage": 10, "tax": 370,
    }  # fmt: skip
    assert invoice.total_cents == 7_840
    assert explain(lines["commission"].explanation, "KWD")[-2:] == [
        "20 % of KWD 12.345 = KWD 2.469",
        "Rounded to KWD 2.470",
    ]
    assert explain(lines["tax"].explanation, "KWD") == ["5 % of KWD 7.470 = KWD 0.3735", "Rounded to KWD 0.370"]
    assert explain(lines["usage"].explanation, "KWD")[-1] == "Rounded to KWD 0.010"


def test_a_fee_that_no_card_is_charged_is_refused_and_not_rounded() -> None:
    organization = prepare("KWD", base_fee_cents=12_345)
    assert refuse(organization) == (
        "The line “Starter, base fee” comes to KWD 12.345, which can't be charged: amounts in KWD end in 0. Change it "
        "to KWD 12.340 or KWD 12.350, then run the month again."
    )
    Plan.objects.update(base_fee_cents=12_350)
    assert make_draft(organization).total_cents == 12_350


def test_a_minimum_commission_that_no_card_is_charged_is_refused() -> None:
    assert refuse(prepare("TND", 100, minimum_commission_cents=5_001)).startswith(
        "The line “Commission Zoë” comes to TND 5.001, which can't be charged"
    )


def test_more_than_stripe_takes_is_refused_where_it_goes_to_stripe(settings: Settings) -> None:
    settings.INVOICE_ENABLE_STRIPE = True
    organization = prepare("UGX", 5_000_000, base_fee_cents=1_000)
    assert refuse(organization) == (
        "The total comes to UGX 1,001,000, and Stripe takes at most UGX 999,999. Switch “Invoice through Stripe” off "
        "on the billing account, then run the month again."
    )
    BillingAccount.objects.update(deliver_stripe=False)
    assert make_draft(organization).total_cents == 1_001_000


def test_a_currency_that_nobody_bills_in_is_refused() -> None:
    assert refuse(prepare("XYZ", 100)) == (
        "XYZ is no currency that Stripe bills in: choose another for plan and organization."
    )


def test_a_credit_that_no_card_gives_back_is_refused() -> None:
    invoice = make_invoice(prepare("KWD", base_fee_cents=12_340))
    line = invoice.lines.get()
    with pytest.raises(Permanent) as caught:
        credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts={line.pk: 1_005})
    assert caught.value.message == (
        "KWD 1.005 can't be credited: amounts in KWD end in 0, since no card is charged less."
    )
    assert Invoice.objects.count() == 1
