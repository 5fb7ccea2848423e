"""A batch of organizations' month, from figures to drafts: base fee, commission, usage, true-ups, tax, guard.

Idempotent by (organization, month): accounts are locked while they are computed, and an invoice that is there
already is left alone, unless nothing was issued of it yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine
from billing.pricing import Terms, compute_commission, compute_tax, compute_usage
from billing.selectors import inputs
from billing.selectors.currencies import choose_currencies
from billing.selectors.inputs import Account, Creator
from billing.selectors.replacements import fill_replaced
from billing.services.drafts import Draft, Line, Statement
from billing.services.guarding import find_reason_to_hold, find_reason_to_refuse
from billing.services.terms import keep_terms
from billing.services.trueups import Adjustment, Settlement, find_settlements
from billing.services.writing import discard_unissued, write_drafts
from common.clock import Month
from common.errors import Permanent
from common.money import CURRENCIES

KIND = InvoiceLine.Kind


@dataclass(slots=True)
class Computed:
    """What became of a batch: drafts by organization, and who has none, with the reason."""

    drafts: dict[str, Draft] = field(default_factory=dict)
    existing: dict[str, tuple[int, str]] = field(default_factory=dict)
    refused: dict[str, Permanent] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def compute_invoices(
    organization_ids: Sequence[str],
    month: Month,
    *,
    run_id: int | None,
    by_name: bool = False,
) -> Computed:
    """Compute and write the drafts of a batch in the caller's transaction.

    Suspended and closed organizations are left out, unless somebody named those to bill (`by_name`).
    """
    accounts = inputs.lock_accounts(organization_ids)
    computed_at = inputs.get_database_time()
    inputs.fill_creators(accounts, month)
    choose_currencies(accounts, month)
    inputs.fill_figures(accounts, month)
    fill_replaced(accounts, month)
    terms = inputs.read_terms(account.plan_id for account in accounts.values())
    computed = Computed()
    wanted = {}
    for id_ in organization_ids:
        if account := _sort_out(id_, month, accounts, terms, computed, by_name=by_name):
            wanted[id_] = account
    discard_unissued([account.existing_id for account in wanted.values() if account.existing_id])
    terms_ids = keep_terms(terms)
    settlements = find_settlements(wanted, month)
    for id_, account in wanted.items():
        terms_id, agreed = account.then or (terms_ids[account.plan_id], terms[account.plan_id])
        draft = Draft(account, agreed, terms_id, month, id=account.existing_id or 0)
        _fill(draft, settlements[id_])
        if problem := find_reason_to_refuse(draft):
            computed.refused[id_] = Permanent(problem)
        else:
            computed.drafts[id_] = draft
    write_drafts(list(computed.drafts.values()), run_id=run_id, computed_at=computed_at)
    return computed


def _sort_out(
    organization_id: str,
    month: Month,
    accounts: dict[str, Account],
    terms: dict[int, Terms],
    computed: Computed,
    *,
    by_name: bool,
) -> Account | None:
    """Return the account where it is to be computed; note why not otherwise."""
    account = accounts.get(organization_id)
    if account is None:
        computed.refused[organization_id] = Permanent(
            "There is no billing account: open the organization and choose a plan for it."
        )
    elif account.existing_status and not _is_replaced(account) and not _is_kept_back(account):
        computed.existing[organization_id] = (account.existing_id or 0, account.existing_status)
    elif left_out := _say_why_left_out(account, month, by_name=by_name):
        computed.left_out[organization_id] = left_out
    elif problem := _find_problem(account, account.then[1] if account.then else terms[account.plan_id]):
        computed.refused[organization_id] = Permanent(problem)
    else:
        return account
    return None


def _say_why_left_out(account: Account, month: Month, *, by_name: bool) -> str:
    """Say why a month is not billed to an organization; empty where it is."""
    if account.status != Organization.Status.ACTIVE and not by_name:
        return f"The organization is {account.status}: name it in a run of {month} to bill it all the same."
    if account.parked_reason is not None:
        return f"Parked: {account.parked_reason}"
    if account.first_month and month.first_day < account.first_month:
        return f"The first month to bill, as its billing account says, is {Month.of(account.first_month)}."
    return ""


def _is_replaced(account: Account) -> bool:
    """Return whether what is there of the month was not issued and is to be computed by what is known now."""
    return account.existing_is_left or account.existing_status in {Invoice.Status.HELD, Invoice.Status.NOTHING_DUE}


def _is_kept_back(account: Account) -> bool:
    """Return whether what is there of the month is not to be issued: the organization was parked since."""
    return account.existing_status == Invoice.Status.DRAFT and account.parked_reason is not None


def _find_problem(account: Account, terms: Terms) -> str:
    if not terms.brackets:
        return f"The plan “{terms.plan}” has no commission brackets: add at least one."
    if account.currency not in CURRENCIES:
        return f"{account.currency} is no currency that Stripe bills in: choose another for plan and organization."
    if terms.currency != account.currency:
        return (
            f"The plan “{terms.plan}” is in {terms.currency}, the organization in {account.currency}: make them agree."
        )
    if others := account.currencies - {account.currency}:
        return (
            f"Earnings came in {', '.join(sorted(others))}, but the organization is billed in {account.currency}: "
            "correct the earnings, or set the currency of organization and plan."
        )
    return ""


def _fill(draft: Draft, settlement: Settlement) -> None:
    terms, lines = draft.terms, draft.lines
    if terms.base_fee_cents:
        explanation = {"formula": "base_fee", "plan": terms.plan}
        lines.append(Line(KIND.BASE_FEE, f"{terms.plan}, base fee", draft.month, terms.base_fee_cents, explanation))
    for creator in draft.account.creators:
        carried = settlement.carried_cents.get(creator.id, creator.carried_in_cents)
        _add_commission(draft, creator, carried)
    _add_usage(draft)
    for adjustment in settlement.adjustments:
        _add_adjustment(draft, adjustment)
    draft.subtotal_cents = sum(line.amount_cents for line in lines)
    if draft.account.tax_rate_bps:
        tax = compute_tax(draft.subtotal_cents, draft.account.tax_rate_bps, terms.currency)
        draft.tax_cents = tax.amount_cents
        rate = f"{draft.account.tax_rate_bps / 100:g}"
        lines.append(Line(KIND.TAX, f"Tax {rate} %", draft.month, tax.amount_cents, tax.explanation))
    _decide(draft)


def _add_commission(draft: Draft, creator: Creator, carried_in: int) -> None:
    commission = compute_commission(draft.terms, creator.earnings, creator.created, draft.month, carried_in)
    draft.lines.append(
        Line(
            KIND.COMMISSION,
            f"Commission {creator.name}"[:500],
            draft.month,
            commission.commission_cents,
            commission.explanation,
            creator_id=creator.id,
        )
    )
    draft.statements.append(Statement(creator.id, draft.month, commission))


def _add_usage(draft: Draft) -> None:
    for price in draft.terms.usage_prices:
        if quantity := draft.account.usage.get(price.meter_id):
            charge = compute_usage(price, quantity, draft.terms.currency)
            draft.lines.append(
                Line(
                    KIND.USAGE,
                    f"Usage {price.meter}",
                    draft.month,
                    charge.amount_cents,
                    charge.explanation,
                    meter_id=price.meter_id,
                    quantity=str(quantity),
                )
            )


def _add_adjustment(draft: Draft, adjustment: Adjustment) -> None:
    draft.lines.append(
        Line(
            KIND.ADJUSTMENT,
            f"Adjustment {adjustment.month.label}: {adjustment.subject}"[:500],
            adjustment.month,
            adjustment.amount_cents,
            adjustment.explanation,
            creator_id=adjustment.creator_id,
            meter_id=adjustment.meter_id,
        )
    )
    if adjustment.creator_id and adjustment.after and adjustment.month < draft.month:
        draft.statements.append(Statement(adjustment.creator_id, adjustment.month, adjustment.after))


def _decide(draft: Draft) -> None:
    """Decide between issuing, holding for a person, and nothing due."""
    reason = find_reason_to_hold(draft.account, len(draft.lines), draft.total_cents)
    if reason:
        draft.status, draft.held_reason = Invoice.Status.HELD, reason
    elif draft.total_cents == 0 and not draft.terms.issue_zero_invoices:
        draft.status = Invoice.Status.NOTHING_DUE
