"""Money: integers in a currency's minor unit, rounded once, half-even."""

from decimal import ROUND_HALF_EVEN, Decimal

# ISO 4217 currencies whose minor unit is not a hundredth, as far as Stripe bills in them.
_MINOR_DIGITS = {
    "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "MGA": 0, "PYG": 0, "RWF": 0,
    "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}  # fmt: skip

BPS = 10_000
# What anybody earns in a month at most, in hundredths, whichever way it comes in: beyond it a figure is garbage.
MOST_CENTS = 10**14


def round_cents(amount: Decimal) -> int:
    """Round a decimal number of minor units to a whole one, half-even."""
    return int(amount.to_integral_value(ROUND_HALF_EVEN))


def share_cents(amount_cents: int, rate_bps: int) -> int:
    """Take a rate in basis points of an amount, rounded half-even."""
    return divide_half_even(amount_cents * rate_bps, BPS)


def minor_digits(currency: str) -> int:
    """Tell how many decimal places a currency's major unit has."""
    return _MINOR_DIGITS.get(currency.upper(), 2)


def to_cents(amount: Decimal, currency: str) -> int:
    """Turn an amount in major units (dollars) into minor ones; ValueError where it has a fraction of a cent."""
    scaled = amount.scaleb(minor_digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} {currency} has a fraction of the smallest unit")
    return int(scaled)


def format_money(cents: int, currency: str) -> str:
    """Write an amount for people, as `USD 1,234.56` or `-USD 0.50`."""
    digits = minor_digits(currency)
    sign = "-" if cents < 0 else ""
    return f"{sign}{currency.upper()} {Decimal(abs(cents)).scaleb(-digits):,.{digits}f}"


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide exactly and round once, half-even, without leaving the integers; `denominator` is positive."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        return quotient + 1
    return quotient
