"""True-ups: what arrived after an earlier month was billed, settled to the cent.

For each (creator or meter, month) the amount is what is due by all that is known now, less what live invoices bill
already. A creator's months are replayed from the earliest change on, since a deficit is carried from one to the next.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from billing.models import CommissionStatement
from billing.pricing import Charge, Commission, Earnings, UsagePrice, compute_commission, compute_usage
from billing.selectors import inputs
from billing.selectors.currencies import list_others_billed_since
from billing.selectors.inputs import Account, Creator, Former
from common.clock import Month
from common.errors import Permanent
from onlyfans.models import CreatorAccount

Histories = dict[str, dt.datetime | None]
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


@dataclass(slots=True)
class Settlement:
    """What one organization's invoice must settle of other months, and the deficits that follow from it."""

    adjustments: list[Adjustment] = field(default_factory=list)
    # By creator: what the months before leave, as now known.
    carried_cents: dict[int, int] = field(default_factory=dict)


def find_settlements(accounts: dict[str, Account], month: Month) -> dict[str, Settlement]:
    """Find what the invoices of `month` must settle of other months, and of itself where it is billed anew.

    Raises Permanent where late figures are in another currency than their month was billed in, or than is billed now.
    """
    found = {id_: Settlement() for id_ in accounts}
    histories = inputs.read_histories(accounts, month)
    # What the draft that is replaced had settled is gone with it, whenever the months before were computed since.
    histories |= {id_: None for id_ in histories if accounts[id_].existing_id}
    if histories:
        formers = inputs.read_former(histories, month)
        _settle_commission(found, accounts, histories, formers, month)
        _settle_usage(found, histories, formers, month)
        for id_, settlement in found.items():
            for adjustment in settlement.adjustments:
                _check_currency(accounts[id_], formers[id_][adjustment.month], adjustment)
    for id_, account in accounts.items():
        if account.has_later_invoice:
            found[id_].adjustments += _credit_what_is_billed_elsewhere(account, month)
    return found


def _check_currency(account: Account, former: Former, adjustment: Adjustment) -> None:
    if former.terms.currency != account.currency:
        raise Permanent(
            f"Late figures of {adjustment.month.label} ({adjustment.subject}) are in {former.terms.currency}, but "
            f"{account.name} is billed in {account.currency} now: bill {adjustment.month.label} anew, which is done in "
            f"{former.terms.currency} under the terms of that time."
        )


def _check_figures(creator: CreatorAccount, month: Month, former: Former, currencies: set[str]) -> None:
    if others := currencies - {former.terms.currency}:
        raise Permanent(
            f"Late figures of {month.label} ({creator.display_name}) came in {', '.join(sorted(others))}, but that "
            f"month was billed in {former.terms.currency}: correct the figures."
        )


def _settle_commission(
    found: dict[str, Settlement], accounts: dict[str, Account], histories: Histories, formers: Formers, until: Month
) -> None:
    changed = inputs.list_changed_creators(histories, until)
    ids = [creator_id for _, creator_id, _ in changed]
    if not ids:
        return
    creators = CreatorAccount.objects.in_bulk(ids)
    statements: dict[int, dict[Month, CommissionStatement]] = {id_: {} for id_ in ids}
    kept = CommissionStatement.objects.filter(creator__in=ids, month__lt=until.first_day).select_related("invoice")
    for statement in kept.defer("invoice__seller", "invoice__buyer"):
        statements[statement.creator_id][Month.of(statement.month)] = statement
    earnings, billed = inputs.read_earnings(ids, until), inputs.read_billed_commission(ids)
    currencies = inputs.read_currencies(ids, until)
    for organization, id_, first in changed:
        months = {month: former for month, former in formers[organization].items() if month.first_day >= first}
        for month, former in months.items():
            _check_figures(creators[id_], month, former, currencies.get((id_, month), set()))
        before = [(month, statements[id_][month]) for month in sorted(statements[id_]) if month.first_day < first]
        carried = {one.invoice.currency: one.carried_cents for _, one in before}
        _replay(found[organization], creators[id_], months, statements[id_], earnings, billed, carried)
        found[organization].carried_cents[id_] = carried.get(accounts[organization].currency, 0)


def _replay(
    settlement: Settlement,
    creator: CreatorAccount,
    months: dict[Month, Former],
    statements: dict[Month, CommissionStatement],
    earnings: dict[tuple[int, Month], Earnings],
    billed: dict[tuple[int, Month], int],
    carried: dict[str, int],
) -> None:
    """Compute a creator's billed months anew, from the first that changed on.

    Each carries on to the next in its currency: `carried` is by currency, before and after.
    """
    created = Month.of(creator.created_at)
    for month in sorted(months):
        of, terms = earnings.get((creator.pk, month), Earnings()), months[month].terms
        after = compute_commission(terms, of, created, month, carried.get(terms.currency, 0))
        carried[terms.currency] = after.carried_cents
        was, amount = statements.get(month), after.commission_cents - billed.get((creator.pk, month), 0)
        if amount or (_differs(was, after) if was else of != Earnings()):
            settlement.adjustments.append(_commission_adjustment(creator, month, was, after, amount))


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


def _settle_usage(found: dict[str, Settlement], histories: Histories, formers: Formers, until: Month) -> None:
    changed = inputs.list_changed_usage(histories, until)
    if not changed:
        return
    billed = inputs.read_billed_usage({organization for organization, _, _ in changed})
    used = inputs.read_usage(changed)
    for organization, meter_id, first_day in changed:
        month = Month.of(first_day)
        terms = formers[organization][month].terms
        for price in terms.usage_prices:
            if price.meter_id == meter_id:
                due = compute_usage(price, used[organization, meter_id, month], terms.currency)
                before = billed.get((organization, meter_id, month), 0)
                if due.amount_cents != before:
                    found[organization].adjustments.append(_usage_adjustment(price, month, due, before))


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
    if others := list_others_billed_since(account, month):
        numbers, currencies = (", ".join(sorted(set(names))) for names in zip(*others, strict=True))
        raise Permanent(
            f"{numbers} billed parts of {month.label} in {currencies} since, but it is to be billed in "
            f"{account.currency} now: credit or void that first."
        )
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
