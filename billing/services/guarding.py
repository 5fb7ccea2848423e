"""The guard: what looks odd waits for a person."""

from django.conf import settings

from billing.selectors.inputs import Account
from common.money import format_money


def find_reason_to_hold(account: Account, lines: int, total_cents: int) -> str:
    """Say why an invoice should wait for approval; empty where nothing is odd about it."""
    most_lines = _either(account.max_lines, settings.BILLING_MAX_LINES)
    most_cents = _either(account.max_total_cents, settings.BILLING_MAX_TOTAL_CENTS)
    most_change = _either(account.max_change_percent, settings.BILLING_MAX_CHANGE_PERCENT)
    before = account.former_total_cents
    if lines > most_lines:
        return f"It has {lines} lines; more than {most_lines} wait for approval."
    if abs(total_cents) > most_cents:
        total, cap = (format_money(cents, account.currency) for cents in (total_cents, most_cents))
        return f"Its total of {total} is above {cap}."
    if before and abs(total_cents - before) * 100 > most_change * abs(before):
        total, former = (format_money(cents, account.currency) for cents in (total_cents, before))
        return f"Its total of {total} differs by more than {most_change} % from {former} of the month before."
    return ""


def _either(own: int | None, general: int) -> int:
    """Prefer the account's own bound; zero is one, too, and holds whatever is not nothing."""
    return general if own is None else own
