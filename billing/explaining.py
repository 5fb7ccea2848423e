"""A line's explanation in words: what `billing.pricing` and its callers kept as data, as sentences for people.

Pure. The admin shows all of it, the PDF the short form.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from common.money import BPS, format_exact, format_money, format_percent, round_charge

if TYPE_CHECKING:
    from billing.pricing import Terms, UsagePrice

Explanation = dict[str, Any]


def explain(explanation: Explanation, currency: str) -> list[str]:
    """Say how a line's amount came about, in full; nothing where the line says nothing of it."""
    say = _FULL.get(explanation.get("formula", ""))
    return say(explanation, currency) if say else []


def explain_short(explanation: Explanation, currency: str) -> list[str]:
    """Say how a line's amount came about in at most three short lines."""
    say = _SHORT.get(explanation.get("formula", ""))
    return say(explanation, currency) if say else []


def describe_terms(terms: "Terms") -> list[str]:
    """Say what a plan's terms come to."""
    currency = terms.currency
    said = [f"Base fee of {format_money(terms.base_fee_cents, currency)} a month"] if terms.base_fee_cents else []
    said += _describe_brackets(terms)
    if terms.commission_free_months:
        said.append(f"No commission in a creator's first {_count(Decimal(terms.commission_free_months), 'month')}")
    if terms.minimum_commission_cents:
        least = format_money(terms.minimum_commission_cents, currency)
        said.append(f"At least {least} of commission for a creator's month with earnings above zero")
    if terms.maximum_commission_cents is not None:
        most = format_money(terms.maximum_commission_cents, currency)
        said.append(f"At most {most} of commission for a creator's month")
    said += [_describe_price(price, currency) for price in terms.usage_prices]
    zero = (
        "An invoice is issued even where nothing is due"
        if terms.issue_zero_invoices
        else "No invoice where nothing is due"
    )
    return [*said, zero]


def _describe_brackets(terms: "Terms") -> list[str]:
    parts = []
    if terms.brackets and terms.brackets[0][0] > 0:
        parts.append(f"nothing of the first {format_money(terms.brackets[0][0], terms.currency)}")
    for place, (start, rate) in enumerate(terms.brackets):
        if place + 1 == len(terms.brackets):
            above = f" above {format_money(start, terms.currency)}" if start else ""
            parts.append(f"{format_percent(rate)} of all{above}")
        else:
            which = "next" if place or start else "first"
            width = format_money(terms.brackets[place + 1][0] - start, terms.currency)
            parts.append(f"{format_percent(rate)} of the {which} {width}")
    return (
        [f"Commission on a creator's {terms.commission_basis} earnings of a month: {', '.join(parts)}"] if parts else []
    )


def _describe_price(price: "UsagePrice", currency: str) -> str:
    said = f"{format_exact(price.unit_price_cents, currency)} for each {price.unit_name or price.meter}"
    if price.included_quantity:
        said += f" beyond the {_number(price.included_quantity)} included in a month"
    return said


def _commission(of: Explanation, currency: str) -> list[str]:
    said = [_earnings(of, currency), *_early(of)]
    if of["carried_in_cents"]:
        deficit, basis = (format_money(cents, currency) for cents in (-of["carried_in_cents"], of["basis_cents"]))
        said.append(f"Less the deficit of {deficit} carried from before = {basis}")
    if "free_month" in of:
        said.append("Free month {} of {}: no commission".format(*of["free_month"]))
    elif of["basis_cents"] > 0:
        said += _charge(of, currency)
    else:
        said.append("No commission, for there is nothing above zero to take it from")
    return said + _carried(of, currency)


def _earnings(of: Explanation, currency: str) -> str:
    parts = [
        f"{category} {format_money(gross if of['basis'] == 'gross' else net, currency)}"
        for category, gross, net in of["categories"]
        # What other figures took the place of is kept as zero.
        if gross or net
    ]
    if not parts:
        return f"No {of['basis']} earnings"
    return (
        f"{of['basis'].capitalize()} earnings {format_money(of[of['basis'] + '_cents'], currency)} ({', '.join(parts)})"
    )


def _early(of: Explanation) -> list[str]:
    """Say that figures are from before the month's end."""
    if "as_of" not in of:
        return []
    moment = of["as_of"][:16].replace("T", " ")
    return [f"As known on {moment} UTC, before the month had ended: what comes later is billed as an adjustment"]


def _charge(of: Explanation, currency: str) -> list[str]:
    slices = of["slices"]
    said = [_slice(slices, place, currency) for place in range(len(slices))]
    if not slices:
        said.append("No commission, for the first bracket starts above that")
    elif slices[0][0] > 0:
        said.insert(0, f"The first {format_money(slices[0][0], currency)} is free of commission")
    exact = Decimal(of["before_rounding"])
    amount = round_charge(exact, currency)
    rounded = format_money(amount, currency)
    if exact != amount:
        said.append(
            f"Together {format_exact(exact, currency)}, rounded to {rounded}" if slices[1:] else f"Rounded to {rounded}"
        )
    elif slices[1:]:
        said.append(f"Together {rounded}")
    return said + _limits(of, currency)


def _slice(slices: list[tuple[int, int | None, int, int]], place: int, currency: str) -> str:
    start, end, part, rate = slices[place]
    which = "the remaining " if place or start else ""
    if end is not None and (part == end - start) and (place + 1 < len(slices) or start):
        which = "the next " if place or start else "the first "
    amount = format_exact(Decimal(part * rate) / BPS, currency)
    return f"{format_percent(rate)} of {which}{format_money(part, currency)} = {amount}"


def _limits(of: Explanation, currency: str) -> list[str]:
    """Say which limit had the last word: a maximum is looked at after the minimum."""
    for name in ("maximum", "minimum"):
        if (cents := of.get(f"{name}_cents")) is not None:
            return [f"The {name} of {format_money(cents, currency)} applies"]
    return []


def _carried(of: Explanation, currency: str) -> list[str]:
    if not of["carried_cents"]:
        return []
    return [f"A deficit of {format_money(-of['carried_cents'], currency)} is carried to the next month"]


def _commission_short(of: Explanation, currency: str) -> list[str]:
    earned = format_money(of[of["basis"] + "_cents"], currency)
    said = [f"{of['basis'].capitalize()} earnings {earned}" if of["categories"] else f"No {of['basis']} earnings"]
    if of["carried_in_cents"]:
        said[0] += f", less a carried deficit of {format_money(-of['carried_in_cents'], currency)}"
    if "as_of" in of:
        said[0] += f" as known on {of['as_of'][:10]}"
    if "free_month" in of:
        said.append("Free month {} of {}".format(*of["free_month"]))
    elif of.get("slices"):
        said.append(
            " + ".join(f"{format_percent(rate)} of {format_money(part, currency)}" for _, _, part, rate in of["slices"])
        )
    return said + (_limits(of, currency) or _carried(of, currency))


def _usage(of: Explanation, currency: str) -> list[str]:
    said = _usage_short(of, currency)
    exact = Decimal(of["before_rounding"])
    if Decimal(of["billable_quantity"]):
        said[0] += f" = {format_exact(exact, currency)}"
    if exact != of["amount_cents"]:
        said.append(f"Rounded to {format_money(of['amount_cents'], currency)}")
    return said


def _usage_short(of: Explanation, currency: str) -> list[str]:
    used, included, billable = (Decimal(of[f"{name}quantity"]) for name in ("", "included_", "billable_"))
    counted, price = _count(used, of["unit_name"]), format_exact(Decimal(of["unit_price_cents"]), currency)
    if not billable:
        return [f"{counted}, within the {_number(included)} included"]
    if not included:
        return [f"{counted} × {price}"]
    return [f"{counted} − {_number(included)} included = {_number(billable)} × {price}"]


def _tax(of: Explanation, currency: str) -> list[str]:
    exact = Decimal(of["subtotal_cents"] * of["rate_bps"]) / BPS
    said = [f"{_tax_short(of, currency)[0]} = {format_exact(exact, currency)}"]
    amount = round_charge(exact, currency)
    if exact != amount:
        said.append(f"Rounded to {format_money(amount, currency)}")
    return said


def _tax_short(of: Explanation, currency: str) -> list[str]:
    return [f"{format_percent(of['rate_bps'])} of {format_money(of['subtotal_cents'], currency)}"]


def _base_fee(of: Explanation, currency: str) -> list[str]:
    return [f"A month's base fee of the plan “{of['plan']}”"]


def _true_up(of: Explanation, currency: str) -> list[str]:
    due, billed, rest = (
        format_money(cents, currency)
        for cents in (of["due_cents"], of["billed_cents"], of["due_cents"] - of["billed_cents"])
    )
    return [
        f"Billed before: {billed}{_former_basis(of, currency)}",
        *(f"By what is known now: {said}" for said in explain(of["after"], currency)),
        f"Due {due} − {billed} billed = {rest}",
    ]


def _former_basis(of: Explanation, currency: str) -> str:
    before, basis = of["before"], of["after"].get("basis")
    if not before or not basis:
        return ""
    said = f", for {basis} earnings of {format_money(before[basis + '_cents'], currency)}"
    if before["carried_in_cents"]:
        said += f" less a carried deficit of {format_money(-before['carried_in_cents'], currency)}"
    return said


def _true_up_short(of: Explanation, currency: str) -> list[str]:
    due, billed = (format_money(of[name], currency) for name in ("due_cents", "billed_cents"))
    return [*explain_short(of["after"], currency)[:2], f"Due {due}, billed before {billed}"]


def _billed_elsewhere(of: Explanation, currency: str) -> list[str]:
    amount = format_money(abs(of["billed_cents"]), currency)
    if of["billed_cents"] > 0:
        return [f"Later invoices billed {amount} for this month already, which is taken off here"]
    return [f"Later invoices gave {amount} back for this month already, which is added here"]


def _credit(of: Explanation, currency: str) -> list[str]:
    line, left, credited, rest = (
        format_money(cents, currency)
        for cents in (of["line_cents"], of["left_cents"], of["credited_cents"], of["left_cents"] - of["credited_cents"])
    )
    said = [f"Line {of['line']} of {of['invoice']} is {line}"]
    if of["left_cents"] != of["line_cents"]:
        said.append(f"{left} of it was not credited yet")
    whole = of["credited_cents"] == of["left_cents"]
    said.append(
        f"{credited} is credited here, all that was left" if whole else f"{credited} is credited here, {rest} is left"
    )
    return said


def _credit_short(of: Explanation, currency: str) -> list[str]:
    credited, line = (format_money(of[name], currency) for name in ("credited_cents", "line_cents"))
    return [f"{credited} of {line} on line {of['line']} of {of['invoice']}"]


def _number(value: Decimal) -> str:
    return f"{value.normalize():,f}"


def _count(quantity: Decimal, unit: str) -> str:
    """Write a quantity with its unit in the plural; abbreviations (GB) and plurals stay as they are."""
    if quantity == 1 or unit.endswith("s") or not unit[-1:].islower():
        return f"{_number(quantity)} {unit}".rstrip()
    if unit.endswith("y") and unit[-2:-1] not in "aeiou":
        unit = f"{unit[:-1]}ie"
    return f"{_number(quantity)} {unit}{'e' if unit.endswith(('x', 'ch', 'sh')) else ''}s"


_FULL: dict[str, Callable[[Explanation, str], list[str]]] = {
    "commission": _commission,
    "usage": _usage,
    "tax": _tax,
    "base_fee": _base_fee,
    "true_up": _true_up,
    "billed_elsewhere": _billed_elsewhere,
    "credit": _credit,
}
_SHORT: dict[str, Callable[[Explanation, str], list[str]]] = {
    "commission": _commission_short,
    "usage": _usage_short,
    "tax": _tax_short,
    "true_up": _true_up_short,
    "billed_elsewhere": _billed_elsewhere,
    "credit": _credit_short,
}
