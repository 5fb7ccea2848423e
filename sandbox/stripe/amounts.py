"""Currencies and their amounts, as Stripe's page on currencies has them."""

from sandbox.stripe.errors import StripeError

_WITHOUT_DECIMALS = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
# They have no decimals any more, but amounts are still in hundredths.
_WITHOUT_DECIMALS_IN_HUNDREDTHS = frozenset(("isk", "ugx"))
_WITH_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))

_CURRENCIES = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf "
    "clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr "
    "ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur "
    "mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr "
    "sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof "
    "xpf yer zar zmw "
)
CURRENCIES = frozenset(_CURRENCIES.split())


def check_amount(amount: int, currency: str, param: str) -> None:
    """Refuses an amount that can't be charged in its currency. Raises StripeError."""
    if amount % smallest(currency) == 0:
        return
    if currency in _WITHOUT_DECIMALS_IN_HUNDREDTHS:
        raise StripeError(
            f"Invalid amount. Currency {currency.upper()} has become effectively zero-decimal and charged amounts must"
            " be evenly divisible by 100. See https://stripe.com/docs/currencies#zero-decimal for more information.",
            param=param,
        )
    raise StripeError(
        f"Invalid amount. Currency {currency.upper()} has three decimals and charged amounts must be evenly divisible"
        " by 10. See https://stripe.com/docs/currencies#three-decimal for more information.",
        param=param,
    )


def smallest(currency: str) -> int:
    """The amount of which every charge is a multiple."""
    if currency in _WITHOUT_DECIMALS_IN_HUNDREDTHS:
        return 100
    return 10 if currency in _WITH_THREE_DECIMALS else 1


def decimals(currency: str) -> int:
    """How many decimals people write."""
    code = currency.lower()
    if code in _WITHOUT_DECIMALS | _WITHOUT_DECIMALS_IN_HUNDREDTHS:
        return 0
    return 3 if code in _WITH_THREE_DECIMALS else 2


def write(amount: int, currency: str) -> str:
    """An amount for people: `1,234.50 USD`."""
    sign, amount = ("-" if amount < 0 else ""), abs(amount)
    digits = 2 if currency in _WITHOUT_DECIMALS_IN_HUNDREDTHS else decimals(currency)
    whole, rest = divmod(amount, 10**digits)
    part = f".{rest:0{digits}d}" if digits and (rest or currency not in _WITHOUT_DECIMALS_IN_HUNDREDTHS) else ""
    return f"{sign}{whole:,}{part} {currency.upper()}"
