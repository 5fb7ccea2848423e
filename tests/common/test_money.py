"""Whole cents, rounded once, half to even."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.money import (
    CURRENCIES,
    divide_half_even,
    format_money,
    minor_digits,
    round_charge,
    share_cents,
    smallest_charge,
    to_cents,
)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.5", 0), ("1.5", 2), ("2.5", 2), ("-0.5", 0), ("-1.5", -2), ("2.50000001", 3), ("2.4999", 2), ("7", 7)],
)
def test_rounds_half_to_even(amount: str, cents: int) -> None:
    assert round_charge(Decimal(amount), "USD") == cents


def test_rounds_amounts_of_any_length() -> None:
    assert round_charge(Decimal("123456789012345678901234567890.5"), "USD") == 123456789012345678901234567890


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("5124", 5_120),
        ("5125", 5_120),
        ("5126", 5_130),
        ("5135", 5_140),
        ("-5125", -5_120),
        ("4.999", 0),
        ("5.001", 10),
    ],
)
def test_charges_of_three_decimals_end_in_zero(amount: str, cents: int) -> None:
    assert round_charge(Decimal(amount), "KWD") == cents


@given(st.sampled_from(sorted(CURRENCIES)), st.decimals(-(10**12), 10**12, places=6))
def test_a_charge_is_the_nearest_that_can_be_charged(currency: str, amount: Decimal) -> None:
    step = smallest_charge(currency)
    found = round_charge(amount, currency)
    assert found % step == 0
    assert abs(Fraction(amount) - found) <= Fraction(step, 2)


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**9))
def test_divides_as_decimals_would_round(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide_half_even(numerator, denominator) == round(exact)


@given(st.integers(-(10**15), 10**15))
def test_the_whole_rate_is_the_whole_amount(cents: int) -> None:
    assert share_cents(cents, 10_000, "USD") == cents
    assert share_cents(cents, 0, "USD") == 0


@pytest.mark.parametrize(
    ("amount", "currency", "cents"),
    [("12.34", "USD", 1234), ("12", "usd", 1200), ("-0.01", "EUR", -1), ("500", "JPY", 500), ("1.234", "KWD", 1234)],
)
def test_reads_major_units(amount: str, currency: str, cents: int) -> None:
    assert to_cents(Decimal(amount), currency) == cents


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "USD"), ("0.5", "JPY"), ("NaN", "USD"), ("Infinity", "USD")]
)
def test_refuses_what_is_no_whole_number_of_the_smallest_unit(amount: str, currency: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        to_cents(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (123_456_789, "USD", "USD 1,234,567.89"),
        (-50, "USD", "-USD 0.50"),
        (0, "eur", "EUR 0.00"),
        (1_500, "JPY", "JPY 1,500"),
        (-1_234_567, "KWD", "-KWD 1,234.567"),
    ],
)
def test_writes_amounts_for_people(cents: int, currency: str, text: str) -> None:
    assert format_money(cents, currency) == text


@given(st.integers(-(10**17), 10**17), st.sampled_from(["USD", "JPY", "KWD"]))
def test_what_is_written_can_be_read(cents: int, currency: str) -> None:
    sign, _, amount = format_money(cents, currency).replace(",", "").partition(f"{currency} ")
    assert to_cents(Decimal(sign + amount), currency) == cents


def test_unknown_currencies_have_hundredths() -> None:
    assert (minor_digits("USD"), minor_digits("xyz"), minor_digits("jpy"), minor_digits("TND")) == (2, 2, 0, 3)
