"""Money: integers in a currency's minor unit, rounded once, half-even."""

from decimal import Decimal

# The currencies that we accept: those that Stripe bills in, by the decimals that people write. These are those of
# ISO 4217, but for the ariary (MGA), of whose fifths nobody has coins.
_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP "
        "CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS "
        "KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB "
        "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS "
        "UAH USD UYU UZS WST XCD YER ZAR ZMW"
    ),
    3: "BHD JOD KWD OMR TND",
}
CURRENCIES = {code: digits for digits, codes in _BY_DIGITS.items() for code in codes.split()}

CURRENCY_PATTERN = f"^({'|'.join(sorted(CURRENCIES))})$"
UNKNOWN_CURRENCY = "Give the code of a currency that Stripe bills in, in capital letters, like USD."

BPS = 10_000
# What anybody earns in a month at most, in minor units, whichever way it comes in: beyond it a figure is garbage.
MOST_CENTS = 10**14


def minor_digits(currency: str) -> int:
    """Tell how many decimal places a currency's major unit has."""
    return CURRENCIES.get(currency.upper(), 2)


def smallest_charge(currency: str) -> int:
    """Return the smallest amount, in minor units, that can be charged; every charge is a multiple of it.

    Of three decimals the last is always 0: neither Stripe nor the card networks behind it take anything else.
    """
    return 10 if minor_digits(currency) == 3 else 1


def divide_charge(numerator: int, denominator: int, currency: str) -> int:
    """Divide minor units exactly and round once, half-even, to an amount that can be charged."""
    step = smallest_charge(currency)
    return divide_half_even(numerator, denominator * step) * step


def round_charge(amount: Decimal, currency: str) -> int:
    """Round a decimal number of minor units, half-even, to an amount that can be charged."""
    return divide_charge(*amount.as_integer_ratio(), currency)


def share_cents(amount_cents: int, rate_bps: int, currency: str) -> int:
    """Take a rate in basis points of an amount, rounded half-even to an amount that can be charged."""
    return divide_charge(amount_cents * rate_bps, BPS, currency)


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


def format_number(cents: Decimal, currency: str) -> str:
    """Write an amount without its currency, with each digit that counts: `1,234.50`, `0.0025`."""
    digits = minor_digits(currency)
    amount = cents.scaleb(-digits).normalize()
    return f"{amount:,.{max(digits, -int(amount.as_tuple().exponent))}f}"


def format_exact(cents: Decimal, currency: str) -> str:
    """Write an amount that may have fractions of the smallest unit, with each digit that counts: `USD 0.0025`."""
    return f"{'-' if cents < 0 else ''}{currency.upper()} {format_number(abs(cents), currency)}"


def format_percent(bps: int) -> str:
    """Write a rate for people, as `20 %` or `7.25 %`."""
    return f"{(Decimal(bps) / 100).normalize():f} %"


def format_column(name: str, value: Decimal | int | None, currency: str) -> str:
    """Write the value of a column that holds an amount (`…_cents`) or a rate (`…_bps`)."""
    if value is None:
        return "-"
    return format_percent(int(value)) if name.endswith("_bps") else format_exact(Decimal(value), currency)


def divide_half_even(numerator: int, denominator: int) -> int:
    """Divide exactly and round once, half-even, without leaving the integers; `denominator` is positive."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        return quotient + 1
    return quotient
