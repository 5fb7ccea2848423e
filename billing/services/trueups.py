"""True-ups: what arrived after an earlier month was billed, settled to the cent.

For each (creator or meter, month) the amount is what is due by all that is known now, less what live invoices bill
already. A creator's months are replayed from the earliest change on, since a deficit is carried from one to the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from billing.models import CommissionStatement
from billing.pricing import Commission, Earnings, compute_commission, compute_usage
from billing.selectors import inputs
from billing.selectors.inputs import Account, Creator, Former
from common.clock import Month
from onlyfans.models import CreatorAccount

Formers = dict[str, dict[Month, Former]]


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
    if not accounts:
        return {}
    creators = inputs.list_changed_creators(accounts, month)
    usage = inputs.list_changed_usage(accounts, month)
    found: dict[str, list[Adjustment]] = {id_: [] for id_ in accounts}
    if creators or usage:
        formers = inputs.read_former({row[0] for row in [*creators, *usage]}, month)
        for organization, creator_id, first in creators:
            found[organization] += _replay(creator_id, Month.of(first), month, formers[organization])
        for organization in dict.fromkeys(row[0] for row in usage):
            changed = [(meter, Month.of(of)) for id_, meter, of in usage if id_ == organization]
            found[organization] += _compare_usage(organization, changed, formers[organization])
    for id_, account in accounts.items():
        if account.has_later_invoice:
            found[id_] += _credit_what_is_billed_elsewhere(account, month)
    return found


def _replay(creator_id: int, first: Month, until: Month, formers: dict[Month, Former]) -> list[Adjustment]:
    """Compute a creator's billed months anew, from the first that changed up to the one before `until`."""
    creator = CreatorAccount.objects.get(pk=creator_id)
    statements = {Month.of(s.month): s for s in CommissionStatement.objects.filter(creator=creator_id)}
    earnings = inputs.read_earnings([creator_id], until)
    billed = inputs.read_billed_commission([creator_id])
    before = [statements[m] for m in sorted(statements) if m < first]
    carried = before[-1].carried_cents if before else 0
    adjustments = []
    for month in sorted(m for m in formers if first <= m < until):
        after = compute_commission(
            formers[month].terms,
            earnings.get((creator_id, month), Earnings()),
            Month.of(creator.created_at),
            month,
            carried,
        )
        carried = after.carried_cents
        was, amount = statements.get(month), after.commission_cents - billed.get((creator_id, month), 0)
        if amount or was is None or was.is_stale or _differs(was, after):
            adjustments.append(_commission_adjustment(creator, month, was, after, amount))
    return adjustments


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


def _compare_usage(
    organization_id: str, changed: Iterable[tuple[int, Month]], formers: dict[Month, Former]
) -> list[Adjustment]:
    changed = list(changed)
    billed = inputs.read_billed_usage(organization_id)
    used = inputs.read_usage(organization_id, {m for m, _ in changed}, {month for _, month in changed})
    adjustments = []
    for meter_id, month in changed:
        prices = [price for price in formers[month].terms.usage_prices if price.meter_id == meter_id]
        for price in prices:
            due = compute_usage(price, used[meter_id, month])
            before = billed.get((meter_id, month), 0)
            if amount := due.amount_cents - before:
                explanation = {
                    "formula": "true_up",
                    "before": None,
                    "after": due.explanation,
                    "billed_cents": before,
                    "due_cents": due.amount_cents,
                }
                adjustments.append(Adjustment(month, f"usage {price.meter}", amount, explanation, meter_id=meter_id))
    return adjustments


def _credit_what_is_billed_elsewhere(account: Account, month: Month) -> list[Adjustment]:
    """Where a month is billed anew after later invoices settled parts of it, take those parts off."""
    names: dict[int, Creator] = {creator.id: creator for creator in account.creators}
    billed = inputs.read_billed_commission(names, but=[account.existing_id or 0])
    adjustments = [
        Adjustment(month, f"commission {names[id_].name}, billed since", -cents, _credit(cents), creator_id=id_)
        for (id_, of), cents in sorted(billed.items(), key=lambda item: item[0][0])
        if of == month and cents
    ]
    used = inputs.read_billed_usage(account.organization_id, but=[account.existing_id or 0])
    adjustments += [
        Adjustment(month, "usage, billed since", -cents, _credit(cents), meter_id=id_)
        for (id_, of), cents in sorted(used.items(), key=lambda item: item[0][0])
        if of == month and cents
    ]
    return adjustments


def _credit(cents: int) -> dict[str, Any]:
    return {"formula": "billed_elsewhere", "billed_cents": cents}
