"""Amounts on Stripe's wire: our books' minor units, but for the special cases of Stripe's page on currencies."""

from common.errors import Permanent
from common.money import format_money, smallest_charge

# They have no decimals any more, and Stripe still reads them in hundredths, of which whole ones alone are charged.
_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
# Of an amount Stripe takes eight digits.
_MOST_ON_WIRE = 99_999_999


def to_wire(cents: int, currency: str) -> int:
    """Write an amount as Stripe reads it; Permanent where Stripe can't charge it."""
    if cents % smallest_charge(currency):
        raise Permanent(f"Stripe can't charge {format_money(cents, currency)}: the last digit must be 0.")
    return cents * _scale(currency)


def from_wire(amount: int, currency: str) -> int:
    """Read an amount of Stripe's as our books have it; ValueError where it has a fraction of our smallest unit."""
    cents, rest = divmod(amount, _scale(currency))
    if rest:
        raise ValueError(f"Stripe's amount of {amount} in {currency.upper()} has decimals, which the currency has not")
    return cents


def most_cents(currency: str) -> int:
    """Return the largest amount that Stripe takes."""
    return _MOST_ON_WIRE // _scale(currency)


def _scale(currency: str) -> int:
    return 100 if currency.upper() in _IN_HUNDREDTHS else 1
