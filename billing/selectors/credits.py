"""What can be credited of an invoice, whatever the signs of its lines: its total bounds what its lines leave.

A credit note gives back what its invoice charged, so that its total has the other sign; a month's own credit note is
taken back by an invoice in the same way, with all signs the other way round.
"""

from collections.abc import Mapping

from billing.models import Invoice, InvoiceLine
from billing.pricing import compute_tax
from billing.selectors.invoices import get_left_to_credit
from common.money import format_money, smallest_charge

Cents = Mapping[int, int]


def has_left_to_credit(invoice: Invoice) -> bool:
    """Return whether anything of the total is left; lines that cancel each other out leave nothing."""
    return _is_like(invoice, sum(get_left_to_credit(invoice).values()))


def find_fault_in_amounts(invoice: Invoice, left: Cents, amounts: Cents) -> str:
    """Say why these amounts, cents by line id without tax, can't be credited; empty where they can."""
    untaxed = _leave_tax_out(invoice, left)
    for id_, cents in amounts.items():
        if id_ not in untaxed:
            return f"Line {id_} is not a line of {invoice} that can be credited."
        if cents % smallest_charge(invoice.currency):
            wished = format_money(cents, invoice.currency)
            return f"{wished} can't be credited: amounts in {invoice.currency} end in 0, since no card is charged less."
        if cents * untaxed[id_] <= 0 or abs(cents) > abs(untaxed[id_]):
            wished, most = (format_money(value, invoice.currency) for value in (cents, untaxed[id_]))
            return f"{wished} can't be credited on a line of which {most} is left."
    return _find_fault_in_sum(invoice, sum(amounts.values()), sum(untaxed.values())) if amounts else ""


def _find_fault_in_sum(invoice: Invoice, wished_cents: int, left_cents: int) -> str:
    wished, most = (format_money(value, invoice.currency) for value in (wished_cents, left_cents))
    if not wished_cents:
        return "These amounts cancel each other out, so there is nothing to credit: change or leave out one of them."
    if not _is_like(invoice, wished_cents):
        return (
            f"These amounts come to {wished}, which would add to {invoice} instead of crediting it: credit lines that "
            f"come to {most} at most, before tax."
        )
    if abs(wished_cents) > abs(left_cents):
        return (
            f"These amounts come to {wished} before tax, but only {most} is left of {invoice}: enter less, or credit "
            "all that is left."
        )
    return ""


def choose_tax(invoice: Invoice, left: Cents, amounts: Cents) -> dict[int, int]:
    """Return the tax that follows, by line id: at the invoice's rate, and the rest of it with the last of the subtotal.

    It is never more than what is left of the tax. Without a tax line, or with none of it left, there is none.
    """
    line = invoice.lines.filter(kind=InvoiceLine.Kind.TAX).first()
    if line is None or not left[line.pk]:
        return {}
    rest, credited = left[line.pk], sum(amounts.values())
    if credited == sum(_leave_tax_out(invoice, left).values()):
        return {line.pk: rest}
    tax = compute_tax(credited, line.explanation["rate_bps"], invoice.currency).amount_cents
    tax = max(min(tax, rest), 0) if rest > 0 else min(max(tax, rest), 0)
    return {line.pk: tax} if tax else {}


def _leave_tax_out(invoice: Invoice, left: Cents) -> dict[int, int]:
    taxes = set(invoice.lines.filter(kind=InvoiceLine.Kind.TAX).values_list("pk", flat=True))
    return {id_: cents for id_, cents in left.items() if id_ not in taxes}


def _is_like(invoice: Invoice, cents: int) -> bool:
    """Return whether an amount has the sign of the invoice's total; zero has none."""
    return cents * invoice.total_cents > 0
