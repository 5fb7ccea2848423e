"""Every formula is explained in sentences whose numbers are those that were billed."""

from decimal import Decimal
from typing import Any

import pytest

from billing.explaining import describe_terms, explain, explain_short
from billing.pricing import Earnings, Terms, UsagePrice, compute_commission, compute_tax, compute_usage
from common.clock import Month

_BRACKETS = ((0, 2000), (500_000, 1500), (1_000_000, 1250))
_JUNE = Month(2026, 6)


def _terms(**fields: Any) -> Terms:
    values: dict[str, Any] = {
        "plan": "Agency",
        "currency": "USD",
        "base_fee_cents": 0,
        "commission_basis": "net",
        "commission_free_months": 0,
        "minimum_commission_cents": 0,
        "maximum_commission_cents": None,
        "issue_zero_invoices": False,
        "brackets": _BRACKETS,
        "usage_prices": (),
    }
    return Terms(**{**values, **fields})


def _earned(**net: int) -> Earnings:
    categories = tuple((name, cents * 5 // 4, cents) for name, cents in net.items())
    return Earnings(sum(part[1] for part in categories), sum(net.values()), categories)


def _commission(earnings: Earnings, carried: int = 0, created: Month = _JUNE, **fields: Any) -> dict[str, Any]:
    return compute_commission(_terms(**fields), earnings, created, _JUNE, carried).explanation


def _usage(quantity: str, included: str = "1000", price: str = "0.25", unit: str = "message") -> dict[str, Any]:
    return compute_usage(
        UsagePrice(1, "messages", unit, Decimal(included), Decimal(price)), Decimal(quantity), "USD"
    ).explanation


def test_commission_over_several_brackets_less_a_deficit() -> None:
    explanation = _commission(_earned(tips=1_000_003, messages=300_000, chargebacks=-30_000), carried=-10_000)
    assert explain(explanation, "USD") == [
        "Net earnings USD 12,700.03 (tips USD 10,000.03, messages USD 3,000.00, chargebacks -USD 300.00)",
        "Less the deficit of USD 100.00 carried from before = USD 12,600.03",
        "20 % of the first USD 5,000.00 = USD 1,000.00",
        "15 % of the next USD 5,000.00 = USD 750.00",
        "12.5 % of the remaining USD 2,600.03 = USD 325.00375",
        "Together USD 2,075.00375, rounded to USD 2,075.00",
    ]
    assert explain_short(explanation, "USD") == [
        "Net earnings USD 12,700.03, less a carried deficit of USD 100.00",
        "20 % of USD 5,000.00 + 15 % of USD 5,000.00 + 12.5 % of USD 2,600.03",
    ]


def test_commission_within_the_first_bracket() -> None:
    assert explain(_commission(_earned(tips=100_001)), "USD") == [
        "Net earnings USD 1,000.01 (tips USD 1,000.01)",
        "20 % of USD 1,000.01 = USD 200.002",
        "Rounded to USD 200.00",
    ]


def test_commission_that_fills_its_brackets_to_the_cent() -> None:
    assert explain(_commission(_earned(tips=1_000_000), commission_basis="net"), "USD")[1:] == [
        "20 % of the first USD 5,000.00 = USD 1,000.00",
        "15 % of the next USD 5,000.00 = USD 750.00",
        "Together USD 1,750.00",
    ]


def test_commission_on_gross_earnings() -> None:
    explanation = _commission(_earned(tips=80_000), commission_basis="gross")
    assert explain(explanation, "EUR") == [
        "Gross earnings EUR 1,000.00 (tips EUR 1,000.00)",
        "20 % of EUR 1,000.00 = EUR 200.00",
    ]


def test_commission_above_a_part_that_is_free() -> None:
    explanation = _commission(_earned(tips=300_000), brackets=((100_000, 1000),))
    assert explain(explanation, "USD")[1:] == [
        "The first USD 1,000.00 is free of commission",
        "10 % of the remaining USD 2,000.00 = USD 200.00",
    ]
    below = _commission(_earned(tips=90_000), brackets=((100_000, 1000),))
    assert explain(below, "USD")[1:] == ["No commission, for the first bracket starts above that"]


def test_minimum_and_maximum() -> None:
    low = _commission(_earned(tips=10_000), minimum_commission_cents=5_000)
    assert explain(low, "USD")[1:] == ["20 % of USD 100.00 = USD 20.00", "The minimum of USD 50.00 applies"]
    assert explain_short(low, "USD") == [
        "Net earnings USD 100.00", "20 % of USD 100.00", "The minimum of USD 50.00 applies",
    ]  # fmt: skip
    high = _commission(_earned(tips=400_000), maximum_commission_cents=70_000)
    assert explain(high, "USD")[-1] == "The maximum of USD 700.00 applies"


def test_free_month_keeps_what_is_carried() -> None:
    explanation = _commission(_earned(tips=10_000), carried=-2_500, created=Month(2026, 5), commission_free_months=3)
    assert explain(explanation, "USD") == [
        "Net earnings USD 100.00 (tips USD 100.00)",
        "Less the deficit of USD 25.00 carried from before = USD 75.00",
        "Free month 2 of 3: no commission",
        "A deficit of USD 25.00 is carried to the next month",
    ]
    assert explain_short(explanation, "USD")[1:] == [
        "Free month 2 of 3", "A deficit of USD 25.00 is carried to the next month",
    ]  # fmt: skip


def test_deficit_is_carried() -> None:
    explanation = _commission(_earned(tips=10_000, chargebacks=-60_000))
    assert explain(explanation, "USD") == [
        "Net earnings -USD 500.00 (tips USD 100.00, chargebacks -USD 600.00)",
        "No commission, for there is nothing above zero to take it from",
        "A deficit of USD 500.00 is carried to the next month",
    ]


def test_no_earnings() -> None:
    assert explain(_commission(Earnings()), "USD") == [
        "No net earnings",
        "No commission, for there is nothing above zero to take it from",
    ]
    assert explain_short(_commission(Earnings()), "USD") == ["No net earnings"]


def test_usage_beyond_what_is_included() -> None:
    assert explain(_usage("12315"), "USD") == [
        "12,315 messages − 1,000 included = 11,315 × USD 0.0025 = USD 28.2875",
        "Rounded to USD 28.29",
    ]
    assert explain_short(_usage("12315"), "USD") == ["12,315 messages − 1,000 included = 11,315 × USD 0.0025"]
    assert explain(_usage("12000"), "USD") == ["12,000 messages − 1,000 included = 11,000 × USD 0.0025 = USD 27.50"]


def test_usage_within_what_is_included() -> None:
    assert explain(_usage("900"), "USD") == ["900 messages, within the 1,000 included"]


@pytest.mark.parametrize(
    ("unit", "quantity", "said"),
    [
        ("message", "1", "1 message"),
        ("message", "2.5", "2.5 messages"),
        ("entry", "2", "2 entries"),
        ("day", "2", "2 days"),
        ("GB", "2", "2 GB"),
        ("messages", "2", "2 messages"),
        ("fax", "2", "2 faxes"),
        ("", "2", "2"),
    ],
)
def test_units_are_counted(unit: str, quantity: str, said: str) -> None:
    assert explain_short(_usage(quantity, included="0", unit=unit), "USD") == [f"{said} × USD 0.0025"]


def test_tax() -> None:
    assert explain(compute_tax(100_050, 2100, "USD").explanation, "USD") == [
        "21 % of USD 1,000.50 = USD 210.105",
        "Rounded to USD 210.10",
    ]
    assert explain(compute_tax(100_000, 2000, "USD").explanation, "USD") == ["20 % of USD 1,000.00 = USD 200.00"]
    assert explain_short(compute_tax(100_050, 725, "USD").explanation, "USD") == ["7.25 % of USD 1,000.50"]


def test_currencies_without_or_with_three_decimals() -> None:
    assert explain(compute_tax(1_005, 1000, "JPY").explanation, "JPY") == [
        "10 % of JPY 1,005 = JPY 100.5",
        "Rounded to JPY 100",
    ]
    assert explain(compute_tax(1_000, 500, "KWD").explanation, "KWD") == ["5 % of KWD 1.000 = KWD 0.050"]


def test_base_fee() -> None:
    assert explain({"formula": "base_fee", "plan": "Agency"}, "USD") == ["A month's base fee of the plan “Agency”"]
    assert explain_short({"formula": "base_fee", "plan": "Agency"}, "USD") == []


def test_true_up_of_commission() -> None:
    explanation = {
        "formula": "true_up",
        "before": {
            "gross_cents": 62_500, "net_cents": 50_000, "carried_in_cents": -10_000, "basis_cents": 40_000,
            "commission_cents": 8_000, "carried_cents": 0,
        },
        "after": _commission(_earned(tips=60_000), carried=-10_000),
        "billed_cents": 8_000,
        "due_cents": 10_000,
    }  # fmt: skip
    assert explain(explanation, "USD") == [
        "Billed before: USD 80.00, for net earnings of USD 500.00 less a carried deficit of USD 100.00",
        "By what is known now: Net earnings USD 600.00 (tips USD 600.00)",
        "By what is known now: Less the deficit of USD 100.00 carried from before = USD 500.00",
        "By what is known now: 20 % of USD 500.00 = USD 100.00",
        "Due USD 100.00 − USD 80.00 billed = USD 20.00",
    ]
    assert explain_short(explanation, "USD") == [
        "Net earnings USD 600.00, less a carried deficit of USD 100.00",
        "20 % of USD 500.00",
        "Due USD 100.00, billed before USD 80.00",
    ]


def test_true_up_of_usage_and_of_a_creator_never_billed() -> None:
    usage = {"formula": "true_up", "before": None, "after": _usage("2000"), "billed_cents": 500, "due_cents": 250}
    assert explain(usage, "USD") == [
        "Billed before: USD 5.00",
        "By what is known now: 2,000 messages − 1,000 included = 1,000 × USD 0.0025 = USD 2.50",
        "Due USD 2.50 − USD 5.00 billed = -USD 2.50",
    ]
    new = {
        "formula": "true_up",
        "before": None,
        "after": _commission(_earned(tips=100)),
        "billed_cents": 0,
        "due_cents": 20,
    }
    assert explain(new, "USD")[0] == "Billed before: USD 0.00"


def test_what_later_invoices_settled() -> None:
    assert explain({"formula": "billed_elsewhere", "billed_cents": 2_000}, "USD") == [
        "Later invoices billed USD 20.00 for this month already, which is taken off here"
    ]
    assert explain_short({"formula": "billed_elsewhere", "billed_cents": -2_000}, "USD") == [
        "Later invoices gave USD 20.00 back for this month already, which is added here"
    ]


@pytest.mark.parametrize(
    ("left", "credited", "said"),
    [
        (10_000, 10_000, ["USD 100.00 is credited here, all that was left"]),
        (10_000, 2_500, ["USD 25.00 is credited here, USD 75.00 is left"]),
        (7_500, 2_500, ["USD 75.00 of it was not credited yet", "USD 25.00 is credited here, USD 50.00 is left"]),
        (7_500, 7_500, ["USD 75.00 of it was not credited yet", "USD 75.00 is credited here, all that was left"]),
    ],
)
def test_credit(left: int, credited: int, said: list[str]) -> None:
    explanation = {
        "formula": "credit", "invoice": "INV-2026-000007", "line": 3, "line_cents": 10_000, "left_cents": left,
        "credited_cents": credited,
    }  # fmt: skip
    assert explain(explanation, "USD") == ["Line 3 of INV-2026-000007 is USD 100.00", *said]
    assert len(explain_short(explanation, "USD")) == 1


def test_a_line_without_explanation_says_nothing() -> None:
    assert explain({}, "USD") == []
    assert explain_short({"formula": "of another age"}, "USD") == []


def test_a_plan_s_terms_in_words() -> None:
    terms = _terms(
        base_fee_cents=9_900,
        brackets=((100_000, 2000), (500_000, 1250)),
        commission_free_months=1,
        minimum_commission_cents=1_000,
        maximum_commission_cents=100_000,
        issue_zero_invoices=True,
        usage_prices=(
            UsagePrice(1, "messages", "message", Decimal(1000), Decimal("0.25")),
            UsagePrice(2, "storage", "", Decimal(0), Decimal("12.5")),
        ),
    )
    assert describe_terms(terms) == [
        "Base fee of USD 99.00 a month",
        "Commission on a creator's net earnings of a month: nothing of the first USD 1,000.00, "
        "20 % of the next USD 4,000.00, 12.5 % of all above USD 5,000.00",
        "No commission in a creator's first 1 month",
        "At least USD 10.00 of commission for a creator's month with earnings above zero",
        "At most USD 1,000.00 of commission for a creator's month",
        "USD 0.0025 for each message beyond the 1,000 included in a month",
        "USD 0.125 for each storage",
        "An invoice is issued even where nothing is due",
    ]
    assert describe_terms(_terms(brackets=((0, 2000),), commission_basis="gross")) == [
        "Commission on a creator's gross earnings of a month: 20 % of all",
        "No invoice where nothing is due",
    ]
    assert describe_terms(_terms(brackets=())) == ["No invoice where nothing is due"]
