"""What one would write first: organization by organization, object by object, with the same arithmetic.

`python -m benchmarks.loop MONTH FIRST COUNT` bills some organizations that way and prints what it took as JSON. It
keeps no ledger of items, takes no lease, trues nothing up, looks for no invoice that is there already.
"""

import datetime as dt
import json
import sys
import time
from decimal import Decimal

import django

django.setup()

from django.db import transaction  # noqa: E402 - after the set-up
from django.db.models import Sum  # noqa: E402

from billing.models import (  # noqa: E402
    BillingAccount,
    CommissionStatement,
    Invoice,
    InvoiceLine,
    NumberSeries,
    Plan,
    UsageHour,
)
from billing.pricing import (  # noqa: E402
    Commission,
    Earnings,
    Terms,
    UsagePrice,
    compute_commission,
    compute_tax,
    compute_usage,
)
from billing.services.terms import keep_terms  # noqa: E402
from common.clock import Month, now  # noqa: E402
from onlyfans.models import CreatorAccount, EarningsAggregate  # noqa: E402


@transaction.atomic
def bill(organization_id: str, month: Month) -> int:
    """Bill one organization and return the total in cents."""
    account = BillingAccount.objects.select_related("organization", "plan").get(organization=organization_id)
    terms = read_terms(account.plan)
    invoice = Invoice.objects.create(
        organization=account.organization,
        month=month.first_day,
        currency=account.organization.currency,
        terms_id=keep_terms({account.plan_id: terms})[account.plan_id],
        buyer={"name": account.organization.name, "address": account.address, "email": account.organization.email},
    )
    if terms.base_fee_cents:
        add_line(invoice, "base_fee", f"{terms.plan}, base fee", terms.base_fee_cents, {"formula": "base_fee"})
    for creator in account.organization.creators.filter(status="active").order_by("id"):
        add_commission(invoice, creator, terms, month)
    for price in terms.usage_prices:
        add_usage(invoice, price, month)
    subtotal = invoice.lines.aggregate(total=Sum("amount_cents"))["total"] or 0
    tax = compute_tax(subtotal, account.tax_rate_bps, terms.currency)
    if account.tax_rate_bps:
        add_line(invoice, "tax", "Tax", tax.amount_cents, tax.explanation)
    invoice.subtotal_cents, invoice.tax_cents = subtotal, tax.amount_cents
    invoice.total_cents = subtotal + tax.amount_cents
    finalize(invoice)
    return invoice.total_cents


def read_terms(plan: Plan) -> Terms:
    """Read a plan's terms object by object."""
    prices = [
        UsagePrice(p.meter_id, p.meter.code, p.meter.unit_name, p.included_quantity, p.unit_price_cents)
        for p in plan.meter_prices.select_related("meter")
    ]
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
        usage_prices=tuple(prices),
    )


def add_commission(invoice: Invoice, creator: CreatorAccount, terms: Terms, month: Month) -> None:
    """Bill one creator."""
    earned = EarningsAggregate.objects.filter(creator=creator, month=month.first_day).order_by("category")
    parts = tuple((row.category, row.gross_cents, row.net_cents) for row in earned)
    earnings = Earnings(sum(part[1] for part in parts), sum(part[2] for part in parts), parts)
    before = CommissionStatement.objects.filter(creator=creator, month__lt=month.first_day).order_by("-month").first()
    carried = before.carried_cents if before else 0
    commission = compute_commission(terms, earnings, Month.of(creator.created_at), month, carried)
    text = f"Commission {creator.display_name}"
    add_line(invoice, "commission", text, commission.commission_cents, commission.explanation, creator=creator)
    keep_statement(invoice, creator, commission)


def keep_statement(invoice: Invoice, creator: CreatorAccount, commission: Commission) -> None:
    """Keep a creator's summary."""
    CommissionStatement.objects.create(
        creator=creator,
        month=invoice.month,
        invoice=invoice,
        gross_cents=commission.earnings.gross_cents,
        net_cents=commission.earnings.net_cents,
        carried_in_cents=commission.carried_in_cents,
        basis_cents=commission.basis_cents,
        commission_cents=commission.commission_cents,
        carried_cents=commission.carried_cents,
        computed_at=now(),
    )


def add_usage(invoice: Invoice, price: UsagePrice, month: Month) -> None:
    """Bill one meter."""
    hours = UsageHour.objects.filter(
        organization=invoice.organization, meter=price.meter_id, hour__gte=month.starts_at, hour__lt=month.ends_at
    )
    quantity = hours.aggregate(total=Sum("quantity"))["total"] or Decimal(0)
    if quantity:
        charge = compute_usage(price, quantity, invoice.currency)
        add_line(invoice, "usage", f"Usage {price.meter}", charge.amount_cents, charge.explanation, meter=price)


def add_line(
    invoice: Invoice,
    kind: str,
    text: str,
    cents: int,
    explanation: dict[str, object],
    creator: CreatorAccount | None = None,
    meter: UsagePrice | None = None,
) -> None:
    """Write one line."""
    InvoiceLine.objects.create(
        invoice=invoice,
        position=invoice.lines.count() + 1,
        kind=kind,
        description=text,
        month=invoice.month,
        creator=creator,
        meter_id=meter.meter_id if meter else None,
        amount_cents=cents,
        explanation=explanation,
    )


def finalize(invoice: Invoice) -> None:
    """Give the invoice its number."""
    series, _ = NumberSeries.objects.select_for_update().get_or_create(prefix="LOOP", year=now().year)
    series.last_number += 1
    series.save()
    invoice.number = f"LOOP-{series.year}-{series.last_number:06}"
    invoice.status = Invoice.Status.FINALIZED
    invoice.issue_date = now().date()
    invoice.due_date = invoice.issue_date + dt.timedelta(days=14)
    invoice.finalized_at = now()
    invoice.save()


def main() -> None:
    """Bill, and print the seconds, those of the processor, and the sum of the totals."""
    month, first, count = Month.parse(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    clock, cpu = time.perf_counter(), time.process_time()
    total = sum(bill(f"org_b{number:08}", month) for number in range(first, first + count))
    seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "total_cents": total}))


if __name__ == "__main__":
    main()
