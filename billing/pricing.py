"""What terms make of a month's figures: pure arithmetic, exact, rounded once a line, half-even.

Each result carries its explanation: the inputs and what was done with them, as JSON that
`billing.explaining` turns into sentences.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from common.clock import Month, iso
from common.money import BPS, divide_charge, round_charge, share_cents

# Digits enough for any quantity times any price that the columns hold, so that only the result is rounded.
_EXACT = Context(prec=50)


@dataclass(frozen=True, slots=True)
class UsagePrice:
    """What a meter's unit costs, in cents, beyond what is included."""

    meter_id: int
    meter: str
    unit_name: str
    included_quantity: Decimal
    unit_price_cents: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """A plan's terms: `brackets` are (from_cents, rate_bps), ascending, each charged on what lies above it."""

    plan: str
    currency: str
    base_fee_cents: int
    commission_basis: str
    commission_free_months: int
    minimum_commission_cents: int
    maximum_commission_cents: int | None
    issue_zero_invoices: bool
    brackets: tuple[tuple[int, int], ...]
    usage_prices: tuple[UsagePrice, ...]

    def to_json(self) -> dict[str, Any]:
        """Write the terms as JSON."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "usage_prices"}
        values["usage_prices"] = [
            [price.meter_id, price.meter, price.unit_name, str(price.included_quantity), str(price.unit_price_cents)]
            for price in self.usage_prices
        ]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Terms":
        """Read terms that were written as JSON."""
        prices = tuple(
            UsagePrice(meter_id, meter, unit, Decimal(included), Decimal(price))
            for meter_id, meter, unit, included, price in values["usage_prices"]
        )
        brackets = tuple((start, rate) for start, rate in values["brackets"])
        return cls(**{**values, "brackets": brackets, "usage_prices": prices})


@dataclass(frozen=True, slots=True)
class Earnings:
    """A creator's month in cents, as it was last heard of; chargebacks, negative, are part of both sums."""

    gross_cents: int = 0
    net_cents: int = 0
    categories: tuple[tuple[str, int, int], ...] = ()
    received_at: dt.datetime | None = None

    def is_part_of(self, month: Month) -> bool:
        """Return whether the figures are from before the month's end, so that something may be missing."""
        return self.received_at is not None and self.received_at < month.ends_at


@dataclass(frozen=True, slots=True)
class Commission:
    """What a creator's month comes to; `carried_cents` is the deficit left for the next month, never positive."""

    earnings: Earnings
    carried_in_cents: int
    basis_cents: int
    commission_cents: int
    carried_cents: int
    explanation: dict[str, Any]


def compute_commission(
    terms: Terms, earnings: Earnings, created: Month, month: Month, carried_in_cents: int
) -> Commission:
    """Compute a creator's commission for a month: basis, free months, brackets, minimum, maximum, deficit."""
    own = earnings.gross_cents if terms.commission_basis == "gross" else earnings.net_cents
    basis = own + carried_in_cents
    explanation: dict[str, Any] = {
        "formula": "commission",
        "basis": terms.commission_basis,
        "gross_cents": earnings.gross_cents,
        "net_cents": earnings.net_cents,
        "categories": [list(part) for part in earnings.categories],
        "carried_in_cents": carried_in_cents,
        "basis_cents": basis,
    }
    if earnings.received_at and earnings.is_part_of(month):
        explanation["as_of"] = iso(earnings.received_at)
    commission, carried = 0, min(basis, 0)
    if 0 <= created.months_until(month) < terms.commission_free_months:
        carried = carried_in_cents
        explanation["free_month"] = [created.months_until(month) + 1, terms.commission_free_months]
    elif basis > 0:
        commission = _charge(terms, basis, explanation)
    explanation |= {"commission_cents": commission, "carried_cents": carried}
    return Commission(earnings, carried_in_cents, basis, commission, carried, explanation)


def _charge(terms: Terms, basis: int, explanation: dict[str, Any]) -> int:
    slices = slice_by_brackets(terms.brackets, basis)
    explanation["slices"] = slices
    numerator = sum(part * rate for _, _, part, rate in slices)
    commission = divide_charge(numerator, BPS, terms.currency)
    explanation["before_rounding"] = f"{Decimal(numerator) / BPS:f}"
    if commission < terms.minimum_commission_cents:
        commission = terms.minimum_commission_cents
        explanation["minimum_cents"] = commission
    if terms.maximum_commission_cents is not None and commission > terms.maximum_commission_cents:
        commission = terms.maximum_commission_cents
        explanation["maximum_cents"] = commission
    return commission


def slice_by_brackets(brackets: tuple[tuple[int, int], ...], basis: int) -> list[tuple[int, int | None, int, int]]:
    """Cut a basis into (from, to, cents in the bracket, rate in bps); what lies below the first bracket is free."""
    slices: list[tuple[int, int | None, int, int]] = []
    for index, (start, rate) in enumerate(brackets):
        if basis <= start:
            break
        end = brackets[index + 1][0] if index + 1 < len(brackets) else None
        slices.append((start, end, (basis if end is None else min(basis, end)) - start, rate))
    return slices


@dataclass(frozen=True, slots=True)
class Charge:
    """An amount in cents with how it came about."""

    amount_cents: int
    explanation: dict[str, Any]


def compute_usage(price: UsagePrice, quantity: Decimal, currency: str) -> Charge:
    """Charge a month's usage beyond what is included."""
    beyond = max(quantity - price.included_quantity, Decimal(0))
    before_rounding = _EXACT.multiply(beyond, price.unit_price_cents)
    amount = round_charge(before_rounding, currency)
    return Charge(
        amount,
        {
            "formula": "usage",
            "meter": price.meter,
            "unit_name": price.unit_name,
            "quantity": _plain(quantity),
            "included_quantity": _plain(price.included_quantity),
            "billable_quantity": _plain(beyond),
            "unit_price_cents": _plain(price.unit_price_cents),
            "before_rounding": _plain(before_rounding),
            "amount_cents": amount,
        },
    )


def compute_tax(subtotal_cents: int, rate_bps: int, currency: str) -> Charge:
    """Charge tax on a subtotal."""
    amount = share_cents(subtotal_cents, rate_bps, currency)
    return Charge(amount, {"formula": "tax", "subtotal_cents": subtotal_cents, "rate_bps": rate_bps})


def _plain(value: Decimal) -> str:
    """Write a decimal without an exponent or needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
