"""True-ups: what arrived after an earlier month was billed, settled to the cent.

For each (creator or meter, month) the amount is what is due by all that is known now, less what live invoices bill
already. A creator's months are replayed from the earliest change on, since a deficit is carried from one to the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from billing.models import CommissionStatement
from billing.pricing import Charge, Commission, Earnings, UsagePrice, compute_commission, compute_usage
from billing.selectors import inputs
from billing.selectors.inputs import Account, Creator, Former
from common.clock import Month
from onlyfans.models import CreatorAccount


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The difference for one creator's or one meter's month; `after` is the creator's month as now known."""

    month: Month
    subject: str
    amount_cents: int
    explanation: dict[str, Any]
    creator_id: int | None = None
    meter_id: int | None = None
    after: Commission | None = None


def find_adjustments(accounts: dict[str, Account], month: Month) -> dict[str, list[Adjustment]]:
    """Find what the invoices of `month` must settle of other months, and of itself where it is billed anew."""
    found: dict[str, list[Adjustment]] = {id_: [] for id_ in accounts}
    for organization, adjustment in [*_find_commission(accounts, month), *_find_usage(accounts, month)]:
        found[organization].append(adjustment)
    for id_, account in accounts.items():
        if account.has_later_invoice:
            found[id_] += _credit_what_is_billed_elsewhere(account, month)
    return found


def _find_commission(accounts: dict[str, Account], until: Month) -> Iterator[tuple[str, Adjustment]]:
    changed = inputs.list_changed_creators(accounts, until)
    if not changed:
        return
    ids = [creator_id for _, creator_id, _ in changed]
    creators = CreatorAccount.objects.in_bulk(ids)
    statements: dict[int, dict[Month, CommissionStatement]] = {id_: {} for id_ in ids}
    for statement in CommissionStatement.objects.filter(creator__in=ids):
        statements[statement.creator_id][Month.of(statement.month)] = statement
    earnings, billed = inputs.read_earnings(ids, until), inputs.read_billed_commission(ids)
    formers = inputs.read_former({organization for organization, _, _ in changed}, until)
    for organization, id_, first in changed:
        months = {month: former for month, former in formers[organization].items() if month >= Month.of(first)}
        for adjustment in _replay(creators[id_], months, statements[id_], earnings, billed):
            yield organization, adjustment


def _replay(
    creator: CreatorAccount,
    months: dict[Month, Former],
    statements: dict[Month, CommissionStatement],
    earnings: dict[tuple[int, Month], Earnings],
    billed: dict[tuple[int, Month], int],
) -> Iterator[Adjustment]:
    """Compute a creator's billed months anew, from the first that changed on."""
    before = [statements[month] for month in sorted(statements) if month < min(months)]
    carried = before[-1].carried_cents if before else 0
    for month in sorted(months):
        of = earnings.get((creator.pk, month), Earnings())
        after = compute_commission(months[month].terms, of, Month.of(creator.created_at), month, carried)
        carried = after.carried_cents
        was, amount = statements.get(month), after.commission_cents - billed.get((creator.pk, month), 0)
        if amount or (_differs(was, after) if was else of != Earnings()):
            yield _commission_adjustment(creator, month, was, after, amount)


def _differs(was: CommissionStatement, after: Commission) -> bool:
    return (was.carried_cents, was.basis_cents) != (after.carried_cents, after.basis_cents)


def _commission_adjustment(
    creator: CreatorAccount, month: Month, was: CommissionStatement | None, after: Commission, amount: int
) -> Adjustment:
    before = None
    if was:
        before = {
            name: getattr(was, name)
            for name in (
                "gross_cents",
                "net_cents",
                "carried_in_cents",
                "basis_cents",
                "commission_cents",
                "carried_cents",
            )
        }
    explanation = {
        "formula": "true_up",
        "before": before,
        "after": after.explanation,
        "billed_cents": after.commission_cents - amount,
        "due_cents": after.commission_cents,
    }
    return Adjustment(
        month, f"commission {creator.display_name}", amount, explanation, creator_id=creator.pk, after=after
    )


def _find_usage(accounts: dict[str, Account], until: Month) -> Iterator[tuple[str, Adjustment]]:
    changed = inputs.list_changed_usage(accounts, until)
    if not changed:
        return
    formers = inputs.read_former({organization for organization, _, _ in changed}, until)
    billed = inputs.read_billed_usage({organization for organization, _, _ in changed})
    used = inputs.read_usage(changed)
    for organization, meter_id, first_day in changed:
        month = Month.of(first_day)
        for price in formers[organization][month].terms.usage_prices:
            if price.meter_id == meter_id:
                due = compute_usage(price, used[organization, meter_id, month])
                before = billed.get((organization, meter_id, month), 0)
                if due.amount_cents != before:
                    yield organization, _usage_adjustment(price, month, due, before)


def _usage_adjustment(price: UsagePrice, month: Month, due: Charge, billed_cents: int) -> Adjustment:
    explanation = {
        "formula": "true_up",
        "before": None,
        "after": due.explanation,
        "billed_cents": billed_cents,
        "due_cents": due.amount_cents,
    }
    amount = due.amount_cents - billed_cents
    return Adjustment(month, f"usage {price.meter}", amount, explanation, meter_id=price.meter_id)


def _credit_what_is_billed_elsewhere(account: Account, month: Month) -> list[Adjustment]:
    """Where a month is billed anew after later invoices settled parts of it, take those parts off."""
    names: dict[int, Creator] = {creator.id: creator for creator in account.creators}
    billed = inputs.read_billed_commission(names, but=[account.existing_id or 0])
    adjustments = [
        Adjustment(month, f"commission {names[id_].name}, billed since", -cents, _credit(cents), creator_id=id_)
        for (id_, of), cents in sorted(billed.items(), key=lambda item: item[0][0])
        if of == month and cents
    ]
    used = inputs.read_billed_usage([account.organization_id], but=[account.existing_id or 0])
    adjustments += [
        Adjustment(month, "usage, billed since", -cents, _credit(cents), meter_id=id_)
        for (_, id_, of), cents in sorted(used.items(), key=lambda item: item[0][1])
        if of == month and cents
    ]
    return adjustments


def _credit(cents: int) -> dict[str, Any]:
    return {"formula": "billed_elsewhere", "billed_cents": cents}
