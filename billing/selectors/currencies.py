"""In which currency a month is billed where an organization's has changed, and what is carried within each."""

import json

from billing.pricing import Terms
from billing.selectors.inputs import LIVE, Account, rows
from common.clock import Month


def choose_currencies(accounts: dict[str, Account], month: Month) -> None:
    """Choose each account's currency for the month, and add the deficits that are carried in it.

    It is the organization's, unless the month's earnings all came in another one in which the month was billed before:
    then it is billed anew in that one, under the terms of that time.
    """
    for organization, terms_id, terms in _list_terms_of_then(accounts, month):
        account = accounts[organization]
        account.then = (terms_id, Terms.from_json(json.loads(terms)))
        account.currency = account.then[1].currency
    _fill_deficits(accounts, month)


def _list_terms_of_then(accounts: dict[str, Account], month: Month) -> list[tuple[str, int, str]]:
    """List (organization, id of the terms, terms) of the last invoice of the month in its earnings' currency."""
    foreign = {
        id_: currency
        for id_, account in accounts.items()
        if len(account.currencies) == 1 and (currency := min(account.currencies)) != account.currency
    }
    if not foreign:
        return []
    return rows(
        """
        SELECT DISTINCT ON (wanted.id) wanted.id, terms.id, terms.terms::text
        FROM unnest(%s::text[], %s::text[]) AS wanted(id, currency)
        JOIN billing_invoice ON organization_id = wanted.id AND month = %s AND number IS NOT NULL
            AND corrects_id IS NULL AND billing_invoice.currency = wanted.currency
        JOIN billing_planterms terms ON terms.id = terms_id ORDER BY wanted.id, billing_invoice.id DESC
        """,
        list(foreign),
        list(foreign.values()),
        month.first_day,
    )


def _fill_deficits(accounts: dict[str, Account], month: Month) -> None:
    """Add what each creator's last month in the account's currency carries on; a deficit crosses into no other."""
    creators = {
        creator.id: (creator, account.currency) for account in accounts.values() for creator in account.creators
    }
    found = rows(
        """
        SELECT wanted.id, before.carried_cents FROM unnest(%s::bigint[], %s::text[]) AS wanted(id, currency)
        JOIN LATERAL (
            SELECT carried_cents FROM billing_commissionstatement statement
            JOIN billing_invoice ON billing_invoice.id = invoice_id AND billing_invoice.currency = wanted.currency
            WHERE creator_id = wanted.id AND statement.month < %s ORDER BY statement.month DESC LIMIT 1
        ) before ON before.carried_cents <> 0
        """,
        list(creators),
        [currency for _, currency in creators.values()],
        month.first_day,
    )
    for creator_id, carried_cents in found:
        creators[creator_id][0].carried_in_cents = carried_cents


def list_others_billed_since(account: Account, month: Month) -> list[tuple[str, str]]:
    """List (number, currency) of later live invoices that bill parts of the month in another currency."""
    return rows(
        f"""
        SELECT DISTINCT coalesce(number, ''), currency FROM billing_invoice
        JOIN billing_invoiceline line ON line.invoice_id = billing_invoice.id AND line.month = %s
        WHERE organization_id = %s AND billing_invoice.month > %s AND currency <> %s AND {LIVE} ORDER BY 1
        """,  # noqa: S608 - a constant
        month.first_day,
        account.organization_id,
        month.first_day,
        account.currency,
    )
