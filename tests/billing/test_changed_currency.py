"""An organization whose currency changed: each month in its own currency, and no deficit crosses between them."""

import pytest

from accounts.models import Organization
from billing.models import CommissionBracket, CommissionStatement, Invoice, InvoiceLine, Plan
from billing.services.correcting import void_invoice
from common.clock import Month
from common.errors import Permanent
from onlyfans.models import CreatorAccount
from tests.factories.billing import earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill, bill_anew_here, bill_here, let_time_pass

pytestmark = pytest.mark.django_db
MAY, JUNE, JULY, AUGUST = (Month(2026, number) for number in (5, 6, 7, 8))
WIDE = {"max_total_cents": 10**12, "max_change_percent": 10**9}


@pytest.fixture
def creator() -> CreatorAccount:
    """A creator of an organization that pays 20 % and USD 10.00 a month."""
    return make_creator(make_organization(make_plan(base_fee_cents=1_000), account=WIDE))


def _change_to(currency: str, rate_bps: int = 1_000) -> None:
    """Change organization and plan, without a base fee from now on."""
    Organization.objects.update(currency=currency)
    Plan.objects.update(currency=currency, base_fee_cents=0)
    CommissionBracket.objects.update(rate_bps=rate_bps)


def _documents(month: Month) -> list[tuple[str, str, int]]:
    found = Invoice.objects.filter(month=month.first_day).order_by("id")
    return list(found.values_list("status", "currency", "total_cents"))


def _basis(month: Month) -> tuple[int, int]:
    statement = CommissionStatement.objects.get(month=month.first_day)
    return statement.carried_in_cents, statement.basis_cents


def test_a_month_is_billed_anew_in_its_currency_under_its_terms(creator: CreatorAccount) -> None:
    organization = creator.organization_id
    earn(creator, JUNE, 100_000)
    bill_here(JUNE, organization)
    _change_to("JPY")
    earn(creator, JUNE, 150_000)
    earn(creator, JULY, 100_000, currency="JPY")
    with pytest.raises(Permanent) as raised:
        bill_here(JULY, organization)
    assert raised.value.message == (
        f"Late figures of June 2026 (commission {creator}) are in USD, but {creator.organization} is billed in JPY "
        "now: bill June 2026 anew, which is done in USD under the terms of that time."
    )
    terms = Invoice.objects.get(month=JUNE.first_day).terms
    bill_anew_here(JUNE, organization)
    assert _documents(JUNE) == [("void", "USD", 21_000), ("finalized", "USD", 31_000)]
    assert Invoice.objects.get(month=JUNE.first_day, status="finalized").terms == terms
    bill_here(JULY, organization)
    assert _documents(JULY) == [("finalized", "JPY", 10_000)]
    assert not InvoiceLine.objects.filter(kind="adjustment").exists()


def test_it_settles_earlier_months_of_its_currency(creator: CreatorAccount) -> None:
    for month in (MAY, JUNE):
        earn(creator, month, 100_000)
        bill_here(month, creator.organization_id)
    _change_to("JPY")
    earn(creator, MAY, 110_000)
    bill_anew_here(JUNE, creator.organization_id)
    invoice = Invoice.objects.get(month=JUNE.first_day, status="finalized")
    assert list(invoice.lines.order_by("position").values_list("kind", "month", "amount_cents")) == [
        ("base_fee", JUNE.first_day, 1_000),
        ("commission", JUNE.first_day, 20_000),
        ("adjustment", MAY.first_day, 2_000),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_preview_shows_the_same(creator: CreatorAccount) -> None:
    earn(creator, JUNE, 100_000)
    bill(JUNE)
    _change_to("JPY")
    earn(creator, JUNE, 150_000)
    run = bill(JUNE, organizations=[creator.organization_id], regenerate=True, dry_run=True)
    result = run.items.get().result
    assert (result["currency"], result["already_cents"], result["total_cents"]) == ("USD", 21_000, 31_000)
    assert _documents(JUNE) == [("finalized", "USD", 21_000)]


def test_earnings_in_today_s_currency_are_billed_in_it(creator: CreatorAccount) -> None:
    """A month that was billed while its organization was set up wrongly is billed as it is set up now."""
    bill_here(JUNE, creator.organization_id)
    void_invoice(Invoice.objects.get().pk, actor=None, reason="Wrong currency")
    _change_to("JPY")
    earn(creator, JUNE, 100_000, currency="JPY")
    bill_here(JUNE, creator.organization_id)
    assert _documents(JUNE) == [("void", "USD", 1_000), ("finalized", "JPY", 10_000)]


def test_a_month_that_was_never_billed_in_its_earnings_currency_is_refused(creator: CreatorAccount) -> None:
    earn(creator, JUNE, 100_000)
    _change_to("JPY")
    with pytest.raises(AssertionError, match="Earnings came in USD, but the organization is billed in JPY: correct"):
        bill_here(JUNE, creator.organization_id)
    earn(creator, JUNE, 0)
    earn(creator, JUNE, 100_000, "posts", currency="JPY")
    bill_here(JUNE, creator.organization_id)
    assert _documents(JUNE) == [("finalized", "JPY", 10_000)]


@pytest.mark.parametrize("days", [0, 30])
def test_a_deficit_stays_in_its_currency(creator: CreatorAccount, days: int) -> None:
    earn(creator, JUNE, -25_000, "chargebacks")
    bill_here(JUNE, creator.organization_id)
    let_time_pass(days)
    _change_to("JPY")
    earn(creator, JULY, 100_000, currency="JPY")
    bill_here(JULY, creator.organization_id)
    assert _basis(JULY) == (0, 100_000)
    assert _documents(JULY) == [("finalized", "JPY", 10_000)]
    let_time_pass(days)
    _change_to("USD")
    earn(creator, AUGUST, 100_000)
    bill_here(AUGUST, creator.organization_id)
    assert _basis(AUGUST) == (-25_000, 75_000)
    assert _documents(AUGUST) == [("finalized", "USD", 7_500)]


@pytest.mark.parametrize("is_scarred", [False, True])
def test_late_figures_carry_within_their_currency(creator: CreatorAccount, is_scarred: bool) -> None:
    organization = creator.organization_id
    if is_scarred:
        bill_here(MAY.plus(-5), organization)
        void_invoice(Invoice.objects.get().pk, actor=None, reason="Wrong")
    earn(creator, JUNE, -25_000, "chargebacks")
    bill_here(JUNE, organization)
    _change_to("JPY")
    earn(creator, JULY, -5_000, "chargebacks", currency="JPY")
    bill_here(JULY, organization)
    earn(creator, JULY, -6_000, "chargebacks", currency="JPY")
    earn(creator, AUGUST, 100_000, currency="JPY")
    bill_here(AUGUST, organization)
    assert _basis(JULY) == (0, -6_000)
    assert _basis(AUGUST) == (-6_000, 94_000)
    assert _documents(AUGUST) == [("finalized", "JPY", 9_400)]


def test_what_was_settled_in_another_currency_is_not_taken_off(creator: CreatorAccount) -> None:
    organization = creator.organization_id
    earn(creator, JUNE, 100_000)
    bill_here(JUNE, organization)
    earn(creator, JUNE, 150_000)
    bill_here(JULY, organization)
    void_invoice(Invoice.objects.get(month=JUNE.first_day).pk, actor=None, reason="Wrong currency")
    _change_to("JPY")
    earn(creator, JUNE, 150_000, currency="JPY")
    with pytest.raises(Permanent) as raised:
        bill_here(JUNE, organization)
    assert raised.value.message == (
        "INV-2026-000002 billed parts of June 2026 in USD since, but it is to be billed in JPY now: credit or void "
        "that first."
    )
    assert _documents(JUNE) == [("void", "USD", 21_000)]
