"""Organizations with everything that billing needs, as few words as a test wants to say."""

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import Organization
from billing.models import BillingAccount, CommissionBracket, Meter, MeterPrice, Plan, UsageHour
from common.clock import Month
from onlyfans.models import CreatorAccount, EarningsAggregate

_numbers = count(1)
AUGUST = Month(2026, 8)


def make_plan(brackets: tuple[tuple[int, int], ...] = ((0, 2000),), **fields: Any) -> Plan:
    """Make a plan of marginal (from_cents, rate_bps) brackets."""
    number = next(_numbers)
    plan = Plan.objects.create(**{"code": f"plan-{number}", "name": f"Plan {number}", **fields})
    CommissionBracket.objects.bulk_create(
        CommissionBracket(plan=plan, from_cents=start, rate_bps=rate) for start, rate in brackets
    )
    return plan


def price_meter(plan: Plan, code: str, unit_price_cents: str, included: str = "0") -> Meter:
    """Let a plan charge for a meter."""
    meter, _ = Meter.objects.get_or_create(code=code, defaults={"unit_name": code})
    MeterPrice.objects.create(
        plan=plan, meter=meter, included_quantity=Decimal(included), unit_price_cents=Decimal(unit_price_cents)
    )
    return meter


def make_organization(
    plan: Plan | None = None, *, account: dict[str, Any] | None = None, **fields: Any
) -> Organization:
    """Make an organization with a billing account."""
    number = next(_numbers)
    organization = Organization.objects.create(
        **{"id": f"org_{number:05}", "name": f"Organization {number}", "email": f"org{number}@example.test", **fields}
    )
    BillingAccount.objects.create(organization=organization, plan=plan or make_plan(), **(account or {}))
    return organization


def make_creator(organization: Organization, **fields: Any) -> CreatorAccount:
    """Make a creator who has been there for long."""
    number = next(_numbers)
    values = {
        "onlyfans_user_id": f"of_{number}",
        "display_name": f"Creator {number}",
        "created_at": dt.datetime(2025, 1, 15, tzinfo=dt.UTC),
        **fields,
    }
    return CreatorAccount.objects.create(organization=organization, **values)


def earn(
    creator: CreatorAccount,
    month: Month,
    cents: int,
    category: str = "tips",
    net_cents: int | None = None,
    **fields: Any,
) -> EarningsAggregate:
    """Let a creator earn, gross and net alike unless told."""
    row, _ = EarningsAggregate.objects.update_or_create(
        creator=creator,
        month=month.first_day,
        category=category,
        defaults={"gross_cents": cents, "net_cents": cents if net_cents is None else net_cents, **fields},
    )
    return row


def use(organization: Organization, meter: Meter, month: Month, quantity: str, hour: int = 0) -> UsageHour:
    """Let an organization use a meter in an hour of the month."""
    row, _ = UsageHour.objects.update_or_create(
        organization=organization,
        meter=meter,
        hour=month.starts_at + dt.timedelta(hours=hour),
        defaults={"quantity": Decimal(quantity)},
    )
    return row
