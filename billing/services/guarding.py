"""The guard: what can't be charged is refused, and what looks odd waits for a person."""

from django.conf import settings

from billing.selectors.charging import find_excess
from billing.selectors.inputs import Account
from billing.services.drafts import Draft
from common.money import format_money, smallest_charge


def find_reason_to_refuse(draft: Draft) -> str:
    """Say why a draft can't be charged as it is; empty where it can."""
    account, step = draft.account, smallest_charge(draft.account.currency)
    for line in draft.lines:
        if line.amount_cents % step:
            below = line.amount_cents // step * step
            amount, *nearest = (
                format_money(cents, account.currency) for cents in (line.amount_cents, below, below + step)
            )
            return (
                f"The line “{line.description}” comes to {amount}, which can't be charged: amounts in "
                f"{account.currency} end in 0. Change it to {' or '.join(nearest)}, then run the month again."
            )
    lines = ((line.description, line.amount_cents) for line in draft.lines)
    return find_excess(account.currency, draft.total_cents, lines, by_stripe=account.deliver_stripe)


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
