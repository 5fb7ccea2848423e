"""Everything that a batch of organizations' month is computed from, read set by set."""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from billing.models import Plan
from billing.pricing import Earnings, Terms, UsagePrice
from common.clock import Month

# Ways of an invoice in which it still counts; a corrected or refused one does not.
LIVE = "billing_invoice.status NOT IN ('rejected', 'credited', 'void') AND billing_invoice.corrects_id IS NULL"


@dataclass(slots=True)
class Creator:
    """A creator of the organization, with the month's earnings."""

    id: int
    name: str
    created: Month
    earnings: Earnings = field(default_factory=Earnings)
    carried_in_cents: int = 0


@dataclass(slots=True)
class Account:
    """An organization and how it is billed, with the month's figures."""

    organization_id: str
    name: str
    email: str
    currency: str
    plan_id: int
    address: str
    tax_id: str
    tax_rate_bps: int
    max_lines: int | None
    max_total_cents: int | None
    max_change_percent: int | None
    parked_reason: str | None
    status: str
    deliver_stripe: bool
    first_month: dt.date | None
    creators: list[Creator] = field(default_factory=list)
    usage: dict[int, Decimal] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=set)
    # The id and the terms of a month that is billed anew in the currency of then; else the plan's present terms hold.
    then: tuple[int, Terms] | None = None
    former_total_cents: int | None = None
    existing_id: int | None = None
    replaced_id: int | None = None
    existing_status: str | None = None
    # Whether it is a draft that nobody approved and whose run has ended: nobody will issue it as it is.
    existing_is_left: bool = False
    has_later_invoice: bool = False


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a query and return all its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def get_database_time() -> dt.datetime:
    """Read the database's clock, by which changes to figures are dated."""
    moment: dt.datetime = rows("SELECT clock_timestamp()")[0][0]
    return moment


def lock_accounts(organization_ids: Sequence[str]) -> dict[str, Account]:
    """Lock the billing accounts in a fixed order, so that two runs of a month take turns, and read them.

    Parked accounts carry a reason; organizations without an account are absent from the answer.
    """
    found = rows(
        """
        SELECT org.id, org.name, org.email, org.currency, account.plan_id, account.address, account.tax_id,
            account.tax_rate_bps, account.max_lines, account.max_total_cents, account.max_change_percent,
            CASE WHEN account.parked_at IS NOT NULL THEN account.parked_reason END, org.status,
            account.deliver_stripe, account.first_month
        FROM billing_billingaccount account JOIN accounts_organization org ON org.id = account.organization_id
        WHERE org.id = ANY(%s) ORDER BY org.id FOR UPDATE OF account
        """,
        list(organization_ids),
    )
    return {row[0]: Account(*row) for row in found}


def fill_figures(accounts: dict[str, Account], month: Month) -> None:
    """Add usage and neighbouring invoices to the accounts."""
    _fill_usage(accounts, month)
    _fill_invoices(accounts, month)


def fill_creators(accounts: dict[str, Account], month: Month) -> None:
    """Add creators with the month's earnings to the accounts, and in which currencies something was earned."""
    found = rows(
        """
        SELECT creator.organization_id, creator.id, creator.display_name, creator.created_at AT TIME ZONE 'UTC',
            sums.categories, sums.gross, sums.net, sums.received_at, sums.currencies
        FROM onlyfans_creatoraccount creator
        LEFT JOIN LATERAL (
            SELECT array_agg(category ORDER BY category) AS categories,
                array_agg(gross_cents ORDER BY category) AS gross, array_agg(net_cents ORDER BY category) AS net,
                max(received_at) AS received_at,
                array_agg(DISTINCT currency) FILTER (WHERE (gross_cents, net_cents) <> (0, 0)) AS currencies
            FROM onlyfans_earningsaggregate WHERE creator_id = creator.id AND month = %s
        ) sums ON true
        WHERE creator.organization_id = ANY(%s)
            AND (sums.categories IS NOT NULL
                OR (creator.status = 'active' OR creator.left_at > %s) AND creator.created_at < %s)
        ORDER BY creator.organization_id, creator.id
        """,
        month.first_day,
        list(accounts),
        month.starts_at,
        month.ends_at,
    )
    for organization, id_, name, created_at, categories, gross, net, received_at, currencies in found:
        account = accounts[organization]
        account.currencies.update(currencies or ())
        earnings = _earnings(categories or (), gross or (), net or (), received_at)
        account.creators.append(Creator(id_, name, Month.of(created_at), earnings))


def _earnings(
    categories: Iterable[str], gross: Sequence[int], net: Sequence[int], received_at: dt.datetime | None
) -> Earnings:
    return Earnings(sum(gross), sum(net), tuple(zip(categories, gross, net, strict=True)), received_at)


def _fill_usage(accounts: dict[str, Account], month: Month) -> None:
    found = rows(
        """
        SELECT organization_id, meter_id, sum(quantity) FROM billing_usagehour
        WHERE organization_id = ANY(%s) AND hour >= %s AND hour < %s GROUP BY organization_id, meter_id
        """,
        list(accounts),
        month.starts_at,
        month.ends_at,
    )
    for organization, meter, quantity in found:
        accounts[organization].usage[meter] = quantity


def _fill_invoices(accounts: dict[str, Account], month: Month) -> None:
    found = rows(
        f"""
        SELECT organization_id, month, billing_invoice.id, billing_invoice.status, total_cents, currency,
            billing_invoice.status = 'draft' AND held_reason = '' AND run.finished_at IS NOT NULL
        FROM billing_invoice LEFT JOIN jobs_jobrun run ON run.id = run_id
        WHERE organization_id = ANY(%s) AND month >= %s AND {LIVE}
        """,  # noqa: S608 - a constant
        list(accounts),
        month.plus(-1).first_day,
    )
    for organization, of, id_, status, total, currency, is_left in found:
        account = accounts[organization]
        if of == month.first_day:
            account.existing_id, account.existing_status, account.existing_is_left = id_, status, is_left
        elif of < month.first_day:
            # Totals of two currencies say nothing about each other.
            account.former_total_cents = total if currency == account.currency else None
        else:
            account.has_later_invoice = True


def read_terms(plan_ids: Iterable[int]) -> dict[int, Terms]:
    """Read the present terms of these plans."""
    plans = Plan.objects.filter(pk__in=set(plan_ids)).prefetch_related("brackets", "meter_prices__meter")
    return {plan.pk: _terms(plan) for plan in plans}


def _terms(plan: Plan) -> Terms:
    prices = tuple(
        UsagePrice(
            price.meter_id, price.meter.code, price.meter.unit_name, price.included_quantity, price.unit_price_cents
        )
        for price in plan.meter_prices.all()
    )
    return Terms(
        plan=plan.name,
        currency=plan.currency,
        base_fee_cents=plan.base_fee_cents,
        commission_basis=plan.commission_basis,
        commission_free_months=plan.commission_free_months,
        minimum_commission_cents=plan.minimum_commission_cents,
        maximum_commission_cents=plan.maximum_commission_cents,
        issue_zero_invoices=plan.issue_zero_invoices,
        brackets=tuple((bracket.from_cents, bracket.rate_bps) for bracket in plan.brackets.all()),
        usage_prices=prices,
    )


@dataclass(frozen=True, slots=True)
class Former:
    """An earlier month's live invoice, under whose terms late figures of that month are billed."""

    invoice_id: int
    terms: Terms
    computed_at: dt.datetime


def read_histories(organization_ids: Iterable[str], month: Month) -> dict[str, dt.datetime | None]:
    """Tell from when on changes matter to each organization that was billed before: since it was last computed.

    None: all that is known must be compared, for months were billed out of turn, or an invoice was taken back
    together with what it had settled.
    """
    found = rows(
        f"""
        WITH live AS (
            SELECT organization_id, month, computed_at,
                lag(computed_at) OVER (PARTITION BY organization_id ORDER BY month) AS before
            FROM billing_invoice WHERE organization_id = ANY(%s) AND {LIVE}
        )
        SELECT organization_id, max(computed_at), bool_or(before > computed_at OR month > %s) OR EXISTS (
            SELECT 1 FROM billing_invoice dead WHERE dead.organization_id = live.organization_id
            AND dead.status IN ('rejected', 'credited', 'void')
        )
        FROM live GROUP BY organization_id HAVING min(month) < %s
        """,  # noqa: S608 - a constant
        list(organization_ids),
        month.first_day,
        month.first_day,
    )
    return {organization: None if everything else at for organization, at, everything in found}


def list_changed_creators(histories: dict[str, dt.datetime | None], month: Month) -> list[tuple[str, int, dt.date]]:
    """List (organization, creator, first month to compute anew) where earnings may differ from what was billed.

    A creator that moved, or is dated otherwise now, is compared in all months that it earned something in. Changes are
    dated by the database when they are written, but may be committed later: a day's overlap covers that, and only
    sums that differ from what was billed count.
    """
    since = {organization: at for organization, at in histories.items() if at is not None}
    changed = rows(
        """
        WITH creator AS MATERIALIZED (
            SELECT creator.id, creator.organization_id, org.currency, wanted.looked_at - interval '1 day' AS since,
                coalesce(creator.changed_at > wanted.looked_at - interval '1 day', false) AS is_changed
            FROM unnest(%s::text[], %s::timestamptz[]) AS wanted(id, looked_at)
            JOIN accounts_organization org ON org.id = wanted.id
            JOIN onlyfans_creatoraccount creator ON creator.organization_id = wanted.id
        ), touched AS (
            SELECT creator.*, earned.month FROM creator
            JOIN onlyfans_earningsaggregate earned ON earned.creator_id = creator.id
                AND earned.changed_at > creator.since
            UNION
            SELECT creator.*, earned.month FROM creator
            JOIN onlyfans_earningsaggregate earned ON earned.creator_id = creator.id
            WHERE creator.is_changed
        )
        SELECT touched.organization_id, touched.id, min(touched.month) FROM touched
        JOIN LATERAL (
            SELECT sum(gross_cents) AS gross, sum(net_cents) AS net,
                bool_or(currency <> touched.currency AND (gross_cents, net_cents) <> (0, 0)) AS is_foreign
            FROM onlyfans_earningsaggregate WHERE creator_id = touched.id AND month = touched.month
        ) sums ON true
        LEFT JOIN billing_commissionstatement billed
            ON billed.creator_id = touched.id AND billed.month = touched.month
        WHERE touched.month < %s AND (
            (billed.gross_cents, billed.net_cents) IS DISTINCT FROM (sums.gross, sums.net)
            OR sums.is_foreign OR touched.is_changed
        )
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        list(since),
        list(since.values()),
        month.first_day,
    )
    everything = [organization for organization, at in histories.items() if at is None]
    if everything:
        changed += rows(
            "SELECT organization_id, id, '0001-01-01'::date FROM onlyfans_creatoraccount "
            "WHERE organization_id = ANY(%s) ORDER BY 1, 2",
            everything,
        )
    return changed


def list_changed_usage(histories: dict[str, dt.datetime | None], month: Month) -> list[tuple[str, int, dt.date]]:
    """List (organization, meter, billed month) whose hours may differ from what was billed."""
    return rows(
        f"""
        SELECT DISTINCT hour.organization_id, hour.meter_id, billing_invoice.month
        FROM unnest(%s::text[], %s::timestamptz[]) AS wanted(id, looked_at)
        JOIN billing_usagehour hour ON hour.organization_id = wanted.id
            AND hour.changed_at > coalesce(wanted.looked_at - interval '1 hour', '-infinity')
        JOIN billing_invoice ON billing_invoice.organization_id = wanted.id AND {LIVE}
            AND billing_invoice.month = date_trunc('month', hour.hour AT TIME ZONE 'UTC')::date
        WHERE hour.hour < %s ORDER BY 1, 3, 2
        """,  # noqa: S608 - a constant
        list(histories),
        list(histories.values()),
        month.starts_at,
    )


def read_former(organization_ids: Iterable[str], month: Month) -> dict[str, dict[Month, Former]]:
    """Read the live invoices before a month, by organization and month."""
    found = rows(
        f"""
        SELECT organization_id, month, billing_invoice.id, terms.terms::text, computed_at
        FROM billing_invoice JOIN billing_planterms terms ON terms.id = terms_id
        WHERE organization_id = ANY(%s) AND month < %s AND {LIVE}
        """,  # noqa: S608 - a constant
        list(organization_ids),
        month.first_day,
    )
    former: dict[str, dict[Month, Former]] = defaultdict(dict)
    for organization, of, id_, terms, computed_at in found:
        former[organization][Month.of(of)] = Former(id_, Terms.from_json(json.loads(terms)), computed_at)
    return former


def read_currencies(creator_ids: Iterable[int], before: Month) -> dict[tuple[int, Month], set[str]]:
    """Read in which currencies something was earned in all months before one, by creator and month."""
    found = rows(
        """
        SELECT creator_id, month, array_agg(DISTINCT currency) FROM onlyfans_earningsaggregate
        WHERE creator_id = ANY(%s) AND month < %s AND (gross_cents, net_cents) <> (0, 0) GROUP BY creator_id, month
        """,
        list(creator_ids),
        before.first_day,
    )
    return {(creator, Month.of(month)): set(currencies) for creator, month, currencies in found}


def read_earnings(creator_ids: Iterable[int], before: Month) -> dict[tuple[int, Month], Earnings]:
    """Read the earnings of all months before one, by creator and month."""
    found = rows(
        """
        SELECT creator_id, month, array_agg(category ORDER BY category), array_agg(gross_cents ORDER BY category),
            array_agg(net_cents ORDER BY category), max(received_at)
        FROM onlyfans_earningsaggregate WHERE creator_id = ANY(%s) AND month < %s GROUP BY creator_id, month
        """,
        list(creator_ids),
        before.first_day,
    )
    return {(creator, Month.of(month)): _earnings(*parts) for creator, month, *parts in found}


def read_billed_commission(creator_ids: Iterable[int], but: Iterable[int] = ()) -> dict[tuple[int, Month], int]:
    """Sum what live invoices, except those of the ids in `but`, bill for each creator and month."""
    found = rows(
        f"""
        SELECT line.creator_id, line.month, sum(line.amount_cents) FROM billing_invoiceline line
        JOIN billing_invoice ON billing_invoice.id = line.invoice_id
        WHERE line.creator_id = ANY(%s) AND {LIVE} AND billing_invoice.id <> ALL(%s) GROUP BY 1, 2
        """,  # noqa: S608 - a constant
        list(creator_ids),
        list(but),
    )
    return {(creator, Month.of(month)): int(amount) for creator, month, amount in found}


def read_billed_usage(organization_ids: Iterable[str], but: Iterable[int] = ()) -> dict[tuple[str, int, Month], int]:
    """Sum what live invoices, except those of the ids in `but`, bill for each organization, meter and month."""
    found = rows(
        f"""
        SELECT organization_id, line.meter_id, line.month, sum(line.amount_cents) FROM billing_invoiceline line
        JOIN billing_invoice ON billing_invoice.id = line.invoice_id
        WHERE organization_id = ANY(%s) AND line.meter_id IS NOT NULL AND {LIVE} AND billing_invoice.id <> ALL(%s)
        GROUP BY 1, 2, 3
        """,  # noqa: S608 - a constant
        list(organization_ids),
        list(but),
    )
    return {(organization, meter, Month.of(month)): int(amount) for organization, meter, month, amount in found}


def read_usage(wanted: Iterable[tuple[str, int, dt.date]]) -> dict[tuple[str, int, Month], Decimal]:
    """Sum the hours of (organization, meter, first day of a month)."""
    organizations, meters, months = zip(*wanted, strict=True)
    found = rows(
        """
        SELECT wanted.organization_id, wanted.meter_id, wanted.month, sum(hour.quantity)
        FROM unnest(%s::text[], %s::bigint[], %s::date[]) AS wanted(organization_id, meter_id, month)
        JOIN billing_usagehour hour ON hour.organization_id = wanted.organization_id
            AND hour.meter_id = wanted.meter_id
            AND hour.hour >= wanted.month::timestamp AT TIME ZONE 'UTC'
            AND hour.hour < (wanted.month + interval '1 month') AT TIME ZONE 'UTC'
        GROUP BY 1, 2, 3
        """,
        list(organizations),
        list(meters),
        list(months),
    )
    return {(organization, meter, Month.of(month)): quantity for organization, meter, month, quantity in found}
