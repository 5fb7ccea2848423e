"""Amounts and rates as people type them."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from common.forms import MoneyField, PercentField, PriceField, read_percent
from common.money import CURRENCIES, format_percent


@pytest.mark.parametrize(
    ("text", "currency", "cents"),
    [
        ("49", "USD", 4_900), ("49.00", "USD", 4_900), ("49.5", "USD", 4_950), (" USD 1,234.50 ", "USD", 123_450),
        ("1234.50 usd", "USD", 123_450), ("-USD 0.50", "USD", -50), ("−3", "EUR", -300), (".5", "EUR", 50),
        ("1 234", "JPY", 1_234), ("1,234,567", "JPY", 1_234_567), ("122468", "UGX", 122_468), ("12.345", "KWD", 12_345),
        ("", "USD", None), ("  ", "USD", None),
    ],
)  # fmt: skip
def test_reads_amounts(text: str, currency: str, cents: int | None) -> None:
    assert MoneyField(currency=currency, required=False).clean(text) == cents


@pytest.mark.parametrize(
    ("text", "currency", "said"),
    [
        ("49,00", "USD", "Enter an amount like 1,234.50, with a point before the decimals."),
        ("1,23.50", "USD", "Enter an amount like 1,234.50, with a point before the decimals."),
        ("much", "USD", "Enter an amount like 1,234.50, with a point before the decimals."),
        ("NaN", "USD", "Enter an amount like 1,234.50, with a point before the decimals."),
        ("1e5", "USD", "Enter an amount like 1,234.50, with a point before the decimals."),
        ("9" * 50, "USD", "Enter an amount like 1,234.50, with a point before the decimals."),
        ("0.001", "USD", "USD has 2 decimals: enter an amount like 49.00."),
        ("49.00 EUR", "USD", "Amounts here are in USD: enter an amount without EUR."),
        ("49.5", "JPY", "JPY has no decimals: enter a whole amount, like 49."),
        ("1.2345", "KWD", "KWD has 3 decimals: enter an amount like 49.000."),
        ("-1", "USD", "Enter USD 0.00 or more."),
        ("1000.01", "USD", "Enter USD 1,000.00 or less."),
    ],
)
def test_refuses_with_one_sentence(text: str, currency: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MoneyField(currency=currency, min_value=0, max_value=100_000).clean(text)
    assert caught.value.messages == [said]


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(-(10**14), 10**14))
def test_what_is_shown_is_what_is_read(currency: str, cents: int) -> None:
    field = MoneyField(currency=currency)
    shown = field.prepare_value(cents)
    assert field.clean(shown) == cents
    assert not field.has_changed(cents, shown)


def test_prices_of_units_have_fractions_of_a_cent() -> None:
    field = PriceField(currency="USD", max_digits=20, decimal_places=8)
    assert (field.clean("0.0025"), field.prepare_value(Decimal("0.25000000"))) == (Decimal("0.25"), "0.0025")
    with pytest.raises(ValidationError, match="at most 10 decimals"):
        field.clean("0.00000000001")


@pytest.mark.parametrize(
    ("text", "bps"),
    [("20", 2_000), ("20 %", 2_000), ("20%", 2_000), ("7.25", 725), ("0", 0), ("100", 10_000), ("0.25", 25)],
)
def test_reads_percentages(text: str, bps: int) -> None:
    assert read_percent(text) == bps


@pytest.mark.parametrize("text", ["100.01", "-1", "7.255", "7,25", "much", "2000", "NaN", "%", ""])
def test_other_percentages_are_none(text: str) -> None:
    assert read_percent(text) is None


@given(st.integers(0, 10_000))
def test_a_rate_that_is_shown_is_the_rate_that_is_read(bps: int) -> None:
    assert read_percent(format_percent(bps)) == read_percent(PercentField().prepare_value(bps)) == bps


def _send(field: PercentField, text: str, confirmed: str = "") -> tuple[int | None, str]:
    """Send a rate as a page does; return what is read, or the sentence, and what the page then shows."""
    query = QueryDict(mutable=True)
    query.update({"rate": text, **({"rate_confirmed": confirmed} if confirmed else {})})
    value = field.widget.value_from_datadict(query, {}, "rate")
    html = field.widget.render("rate", field.prepare_value(value))
    try:
        return field.clean(value), html
    except ValidationError as error:
        assert len(error.messages) == 1
        return None, error.messages[0] + html


@pytest.mark.parametrize(
    ("text", "bps", "written"), [("0.25", "25", "0.25 %"), ("99", "9900", "99 %"), ("40.01", "4001", "40.01 %")]
)
def test_an_unusual_rate_wants_to_be_confirmed(text: str, bps: str, written: str) -> None:
    field = PercentField()
    refused, page = _send(field, text)
    assert refused is None
    assert (
        f"{written} is unusual: most rates are between 1 % and 40 %. Tick the box to confirm it, or correct it." in page
    )
    assert f'<input type="checkbox" name="rate_confirmed" value="{bps}"> {written} is unusual. Tick to confirm.' in page
    taken, page = _send(field, text, bps)
    assert (taken, f'value="{bps}" checked' in page) == (int(bps), True)


def test_the_confirmation_of_one_rate_is_none_of_another() -> None:
    refused, page = _send(PercentField(), "0.5", "25")
    assert (refused, 'value="50"> 0.5 % is unusual' in page) == (None, True)


@pytest.mark.parametrize("text", ["1", "20", "40"])
def test_usual_rates_ask_for_nothing(text: str) -> None:
    taken, page = _send(PercentField(), text)
    assert (taken, "unusual" in page) == (int(text) * 100, False)


def test_no_tax_is_as_usual_as_any() -> None:
    assert _send(PercentField(zero_is_usual=True), "0")[0] == 0
    assert _send(PercentField(), "0")[0] is None


def test_a_rate_that_stands_is_confirmed_already() -> None:
    field = PercentField()
    page = field.widget.render("rate", field.prepare_value(5_000))
    assert 'value="5000" checked> 50 % is unusual' in page
