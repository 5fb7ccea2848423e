"""Every worked example comes out to the cent, through the job itself."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from billing.models import CommissionStatement, Invoice
from common.clock import Month
from onlyfans.models import CreatorAccount
from tests.factories.billing import earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.runs import bill

_CASES = json.loads((Path(__file__).parent.parent / "fixtures" / "commission.json").read_text())["cases"]
_PLAN_FIELDS = (
    "base_fee_cents", "currency", "commission_basis", "commission_free_months", "minimum_commission_cents",
    "maximum_commission_cents",
)  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_comes_out_to_the_cent(case: dict[str, Any]) -> None:
    creators = _load(case)
    for given, expected in zip(case["months"], case["expected"], strict=True):
        month = Month.parse(given["month"])
        run = bill(month)
        assert run.failed == 0, list(run.items.values_list("error", flat=True))
        invoice = Invoice.objects.get(organization=case["organization"], month=month.first_day)
        assert (invoice.subtotal_cents, invoice.tax_cents, invoice.total_cents) == (
            expected["subtotal_cents"], expected["tax_cents"], expected["total_cents"],
        )  # fmt: skip
        assert sum(line.amount_cents for line in invoice.lines.all()) == invoice.total_cents
        statements = CommissionStatement.objects.filter(month=month.first_day)
        assert {(s.creator_id, s.commission_cents, s.carried_cents) for s in statements} == {
            (creators[c["creator"]].pk, c["commission_cents"], c["carried_cents"]) for c in expected["commissions"]
        }
        usage = {line.meter.code: line.amount_cents for line in invoice.lines.filter(kind="usage") if line.meter}
        assert usage == {u["meter"]: u["amount_cents"] for u in expected["usage"]}


def _load(case: dict[str, Any]) -> dict[str, CreatorAccount]:
    plan_values = case["plan"]
    plan = make_plan(
        tuple((b["from_cents"], b["rate_bps"]) for b in plan_values["brackets"]),
        **{name: plan_values[name] for name in _PLAN_FIELDS},
    )
    meters = {
        m["meter"]: price_meter(plan, m["meter"], m["unit_price_cents"], m["included_quantity"])
        for m in plan_values["meters"]
    }
    organization = make_organization(
        plan,
        id=case["organization"],
        account={"tax_rate_bps": case["tax_rate_bps"], "max_total_cents": 10**12, "max_change_percent": 10**9 // 2},
    )
    creators = {
        c["id"]: make_creator(organization, created_at=dt.datetime.fromisoformat(c["created_at"]))
        for c in case["creators"]
    }
    for e in case["earnings"]:
        earn(creators[e["creator"]], Month.parse(e["month"]), e["gross_cents"], e["category"], e["net_cents"])
    for given in case["months"]:
        for usage in given["usage"]:
            use(organization, meters[usage["meter"]], Month.parse(given["month"]), usage["quantity"])
    return creators
