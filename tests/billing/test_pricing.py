"""The arithmetic of a month, whatever the terms and the figures."""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.pricing import (
    Earnings,
    Terms,
    UsagePrice,
    compute_commission,
    compute_tax,
    compute_usage,
    slice_by_brackets,
)
from common.clock import Month

CREATED = Month(2024, 11)
MONTH = Month(2026, 8)

cents = st.integers(-(10**12), 10**12)
positive = st.integers(1, 10**12)
deficits = st.integers(-(10**9), 0)
rates = st.integers(0, 10_000)
brackets = st.dictionaries(st.integers(0, 10**7), rates, min_size=1, max_size=6).map(lambda b: tuple(sorted(b.items())))
# As far as the columns reach.
quantities = st.decimals(0, 10**18 - 1, places=6)
prices = st.decimals(0, 10**12 - 1, places=8)


@st.composite
def terms(draw: st.DrawFn, *, bounded: bool = True) -> Terms:
    """Terms as a plan can have them; unbounded ones have neither a minimum nor a maximum."""
    minimum = draw(st.integers(0, 10**6)) if bounded else 0
    maximum = draw(st.none() | st.integers(minimum, 10**8)) if bounded else None
    return Terms(
        plan="Plan",
        currency="USD",
        base_fee_cents=0,
        commission_basis=draw(st.sampled_from(["gross", "net"])),
        commission_free_months=draw(st.integers(0, 24)) if bounded else 0,
        minimum_commission_cents=minimum,
        maximum_commission_cents=maximum,
        issue_zero_invoices=False,
        brackets=draw(brackets),
        usage_prices=(),
    )


def charge(of: Terms, basis: int, carried: int = 0) -> int:
    return compute_commission(of, Earnings(basis, basis), CREATED, MONTH, carried).commission_cents


def unrounded(of: Terms, basis: int) -> Decimal:
    explanation = compute_commission(of, Earnings(basis, basis), CREATED, MONTH, 0).explanation
    return Decimal(explanation["before_rounding"])


def exact(parts: tuple[tuple[int, int], ...], basis: int) -> Fraction:
    """The charge as a schoolbook would write it: each cent at the rate of the bracket it lies in."""
    sums = Fraction(0)
    for start, rate in parts:
        others = [above for above, _ in parts if above > start]
        top = min([basis, *others])
        sums += Fraction(max(top - start, 0) * rate, 10_000)
    return sums


@given(terms(bounded=False), positive)
def test_each_cent_is_charged_at_the_rate_of_its_bracket(of: Terms, basis: int) -> None:
    rounded = Decimal(exact(of.brackets, basis).numerator) / exact(of.brackets, basis).denominator
    assert charge(of, basis) == int(rounded.quantize(Decimal(1), ROUND_HALF_EVEN))


@given(terms(bounded=False), st.integers(1, 10**7))
def test_a_cent_more_never_costs_less_nor_more_than_a_cent(of: Terms, basis: int) -> None:
    """Monotone, and without a leap: not even where a bracket begins."""
    edges = [start + distance for start, _ in of.brackets for distance in (-1, 0, 1) if start + distance > 0]
    for at in [basis, *edges]:
        assert 0 <= unrounded(of, at + 1) - unrounded(of, at) <= 1
        assert charge(of, at) <= charge(of, at + 1)


@given(terms(), positive, positive)
def test_more_never_costs_less(of: Terms, one: int, other: int) -> None:
    low, high = sorted([one, other])
    assert charge(of, low) <= charge(of, high)


@given(terms(bounded=False), st.integers(0, 10**7))
def test_a_bracket_cut_in_two_at_the_same_rate_is_the_same(of: Terms, cut: int) -> None:
    inside = [rate for start, rate in of.brackets if start < cut]
    assume(inside and cut not in dict(of.brackets))
    finer = replace(of, brackets=tuple(sorted([*of.brackets, (cut, inside[-1])])))
    for basis in (cut - 1, cut, cut + 1, 10**8):
        assert charge(finer, basis) == charge(of, basis)


@given(brackets, positive)
def test_the_slices_add_up_to_what_lies_above_the_first_bracket(parts: tuple[tuple[int, int], ...], basis: int) -> None:
    slices = slice_by_brackets(parts, basis)
    assert sum(part for _, _, part, _ in slices) == max(basis - parts[0][0], 0)
    assert all(part > 0 and (end is None or part <= end - start) for start, end, part, _ in slices)


@given(terms(), st.lists(st.tuples(cents, cents), min_size=1, max_size=7), deficits)
def test_splitting_earnings_over_categories_changes_nothing(
    of: Terms, parts: list[tuple[int, int]], carried: int
) -> None:
    gross, net = (sum(part[place] for part in parts) for place in (0, 1))
    split = tuple((f"category {number}", *part) for number, part in enumerate(parts))
    whole = compute_commission(of, Earnings(gross, net, (("tips", gross, net),)), CREATED, MONTH, carried)
    apart = compute_commission(of, Earnings(gross, net, split), CREATED, MONTH, carried)
    for name in ("basis_cents", "commission_cents", "carried_cents"):
        assert getattr(whole, name) == getattr(apart, name)


@given(terms(bounded=False), st.integers(0, 10**6))
def test_rounds_half_to_even(of: Terms, number: int) -> None:
    """12.5 % of twelve more than a multiple of sixteen ends in a half."""
    flat = replace(of, brackets=((0, 1250),))
    assert charge(flat, 16 * number + 4) == 2 * number
    assert charge(flat, 16 * number + 12) == 2 * number + 2


@given(terms(), cents, deficits)
def test_a_deficit_is_carried_to_the_cent_and_costs_nothing(of: Terms, earned: int, carried: int) -> None:
    of = replace(of, commission_free_months=0)
    result = compute_commission(of, Earnings(earned, earned), CREATED, MONTH, carried)
    assert result.basis_cents == earned + carried
    if result.basis_cents > 0:
        assert result.carried_cents == 0
    else:
        assert (result.commission_cents, result.carried_cents) == (0, result.basis_cents)


@given(terms(bounded=False), st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=8))
def test_over_the_months_nothing_is_charged_twice_nor_lost(of: Terms, earned: list[int]) -> None:
    """Where every cent is charged whole, all charges and the deficit left add up to all that was earned."""
    of = replace(of, brackets=((0, 10_000),))
    carried = charged = 0
    for month in earned:
        result = compute_commission(of, Earnings(month, month), CREATED, MONTH, carried)
        carried, charged = result.carried_cents, charged + result.commission_cents
    assert charged + carried == sum(earned)


@given(terms(), cents, deficits, st.integers(-30, 30))
def test_free_months_cost_nothing_and_leave_a_deficit_as_it_is(
    of: Terms, earned: int, carried: int, after: int
) -> None:
    result = compute_commission(of, Earnings(earned, earned), MONTH, MONTH.plus(after), carried)
    if 0 <= after < of.commission_free_months:
        assert (result.commission_cents, result.carried_cents) == (0, carried)
        assert result.explanation["free_month"] == [after + 1, of.commission_free_months]
    else:
        charged = replace(of, commission_free_months=0)
        same = compute_commission(charged, Earnings(earned, earned), MONTH, MONTH.plus(after), carried)
        assert (result.commission_cents, result.carried_cents) == (same.commission_cents, same.carried_cents)


@given(terms(), cents, deficits)
def test_minimum_and_maximum_hold_only_where_the_basis_is_positive(of: Terms, earned: int, carried: int) -> None:
    of = replace(of, commission_free_months=0)
    result = compute_commission(of, Earnings(earned, earned), CREATED, MONTH, carried)
    if earned + carried <= 0:
        assert result.commission_cents == 0
        return
    free = charge(replace(of, minimum_commission_cents=0, maximum_commission_cents=None), earned, carried)
    wanted = max(free, of.minimum_commission_cents)
    if of.maximum_commission_cents is not None:
        wanted = min(wanted, of.maximum_commission_cents)
    assert result.commission_cents == wanted


@given(terms(), cents, cents)
def test_the_basis_is_the_one_that_the_plan_names(of: Terms, gross: int, net: int) -> None:
    result = compute_commission(of, Earnings(gross, net), CREATED, MONTH, 0)
    assert result.basis_cents == (gross if of.commission_basis == "gross" else net)


@given(terms(), cents, cents, deficits)
def test_the_explanation_says_what_was_computed(of: Terms, gross: int, net: int, carried: int) -> None:
    result = compute_commission(of, Earnings(gross, net), CREATED, MONTH, carried)
    for name in ("carried_in_cents", "basis_cents", "commission_cents", "carried_cents"):
        assert result.explanation[name] == getattr(result, name)
    slices = result.explanation.get("slices", [])
    expected = sum((Decimal(part * rate) / 10_000 for _, _, part, rate in slices), Decimal(0))
    assert Decimal(result.explanation.get("before_rounding", 0)) == expected


@given(quantities, quantities, prices)
def test_usage_beyond_what_is_included_is_rounded_once(quantity: Decimal, included: Decimal, unit: Decimal) -> None:
    price = UsagePrice(1, "messages", "message", included, unit)
    result = compute_usage(price, quantity, "USD")
    beyond = Fraction(max(quantity - included, Decimal(0))) * Fraction(unit)
    assert abs(Fraction(result.amount_cents) - beyond) <= Fraction(1, 2)
    if abs(Fraction(result.amount_cents) - beyond) == Fraction(1, 2):
        assert result.amount_cents % 2 == 0
    assert Fraction(result.explanation["before_rounding"]) == beyond


@given(st.integers(-(10**13), 10**13), rates)
def test_tax_is_the_same_either_way(subtotal: int, rate: int) -> None:
    """A credit of everything gives back exactly the tax that was charged."""
    assert compute_tax(-subtotal, rate, "USD").amount_cents == -compute_tax(subtotal, rate, "USD").amount_cents
    assert abs(Fraction(subtotal * rate, 10_000) - compute_tax(subtotal, rate, "USD").amount_cents) <= Fraction(1, 2)


@given(terms(), st.lists(st.tuples(quantities, prices), max_size=3))
def test_terms_survive_being_written_down(of: Terms, meters: list[tuple[Decimal, Decimal]]) -> None:
    prices = tuple(UsagePrice(number, f"m{number}", "unit", *pair) for number, pair in enumerate(meters))
    of = replace(of, usage_prices=prices)
    assert Terms.from_json(of.to_json()) == of
