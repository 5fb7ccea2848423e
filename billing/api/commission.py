"""The commission calculator: a question about terms and figures, answered without anything being written."""

from collections import Counter
from typing import Annotated

from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TokenAuthentication
from accounts.models import User
from billing.explaining import explain
from billing.models import Plan
from billing.pricing import Commission, Earnings, Terms, compute_commission
from billing.selectors.terms import get_terms_of_organization, get_terms_of_plan
from common.api.authentication import ServerKey
from common.api.errors import refuse_fields
from common.api.models import Answer, ApiModel, one_of, read_model
from common.api.views import ApiView
from common.clock import Month, previous_month
from common.money import format_money
from onlyfans.models import EarningsAggregate

# A thousand million: beyond that it is a slip, and sums would leave the database's integers.
_MOST_CENTS = 10**11
_NET_BEYOND_GROSS = "Net is what is left of gross after the fee, and can't be more; of reversals, both are negative."
Cents = Annotated[int, Field(ge=-_MOST_CENTS, le=_MOST_CENTS)]


class CategoryEarnings(ApiModel):
    """What a creator earned in a category, before and after OnlyFans' fee; chargebacks are negative."""

    category: str = one_of(EarningsAggregate.Category)
    gross_cents: Cents
    net_cents: Cents


class CommissionRequest(ApiModel):
    """A creator's month, and the terms to judge it by: those of a plan, or of an organization."""

    plan: str | None = Field(None, max_length=64, description="A plan's code.")
    organization: str | None = Field(None, max_length=64, description="An organization's id; one's own unless given.")
    month: Month = Field(default_factory=previous_month, description="The last month that has ended, unless given.")
    earnings: tuple[CategoryEarnings, ...] = Field(max_length=20)
    creator_since: Month | None = Field(
        None, description="The creator's first month, from which free months count; without it, none is free."
    )
    carried_in_cents: int = Field(0, ge=-_MOST_CENTS, le=0, description="A deficit from the months before.")


class Slice(ApiModel):
    """What of the earnings falls into a bracket; `toCents` is null for the last."""

    from_cents: int
    to_cents: int | None
    amount_cents: int
    rate_bps: int


class CommissionAnswer(Answer):
    """What the month comes to, and why."""

    plan: str
    plan_name: str
    organization: str | None
    month: Month
    currency: str
    basis: str = one_of(Plan.Basis)
    gross_cents: int
    net_cents: int
    carried_in_cents: int
    basis_cents: int
    commission_cents: int
    commission: str
    carried_cents: int
    slices: tuple[Slice, ...]
    explanation: tuple[str, ...]


class CommissionView(ApiView):
    """Tells what commission a creator's month comes to."""

    authentication_classes = [TokenAuthentication, ServerKey]

    @extend_schema(
        operation_id="billing_commission",
        summary="Ask what commission a month comes to",
        request=CommissionRequest,
        responses=CommissionAnswer,
        tags=["billing"],
    )
    def post(self, request: Request) -> Response:
        """Compute, and write nothing."""
        asked = read_model(CommissionRequest, request.data)
        organization = _whose(request, asked)
        plan, terms = _find_terms(organization, asked)
        earnings = _sum_up(asked)
        # Whose first month is not known counts as having been here for ever.
        since = asked.creator_since or asked.month.plus(-terms.commission_free_months)
        found = compute_commission(terms, earnings, since, asked.month, asked.carried_in_cents)
        return self.answer(_describe(asked, organization, plan, terms, found))


def _whose(request: Request, asked: CommissionRequest) -> str | None:
    """Tell whose terms are asked for; members ask for their own organization's, staff and servers for any."""
    user = request.user
    if not isinstance(user, User) or user.is_staff:
        return asked.organization
    if user.organization_id is None:
        raise PermissionDenied("You belong to no organization.")
    if asked.plan is not None or asked.organization not in {None, user.organization_id}:
        raise PermissionDenied("You may ask for your own organization only.")
    return user.organization_id


def _find_terms(organization: str | None, asked: CommissionRequest) -> tuple[Plan, Terms]:
    if (organization is None) == (asked.plan is None):
        raise refuse_fields({name: ["Give either a plan or an organization."] for name in ("plan", "organization")})
    if asked.plan is not None:
        found, fields = get_terms_of_plan(asked.plan), {"plan": ["There is no such plan."]}
    else:
        found = get_terms_of_organization(organization or "")
        fields = {"organization": ["There is no such organization, or it is billed by no plan."]}
    if found is None:
        raise refuse_fields(fields)
    return found


def _sum_up(asked: CommissionRequest) -> Earnings:
    counts = Counter(part.category for part in asked.earnings)
    wrong = {
        f"earnings.{place}.category": [said]
        for place, part in enumerate(asked.earnings)
        if (said := _judge_category(part.category, counts))
    }
    wrong |= {
        f"earnings.{place}.netCents": [_NET_BEYOND_GROSS]
        for place, part in enumerate(asked.earnings)
        if _is_beyond(part.net_cents, part.gross_cents)
    }
    if asked.creator_since and asked.creator_since > asked.month:
        wrong["creatorSince"] = [f"This is after {asked.month}, the month that is asked about."]
    if wrong:
        raise refuse_fields(wrong)
    parts = sorted(asked.earnings, key=lambda part: part.category)
    return Earnings(
        sum(part.gross_cents for part in parts),
        sum(part.net_cents for part in parts),
        tuple((part.category, part.gross_cents, part.net_cents) for part in parts),
    )


def _is_beyond(net: int, gross: int) -> bool:
    """Tell a net that lies further from zero than its gross; where reversals outweigh sales both are negative."""
    return abs(net) > abs(gross) and net * gross > 0


def _judge_category(category: str, counts: Counter[str]) -> str:
    if category not in EarningsAggregate.Category.values:
        return f"Give one of {', '.join(EarningsAggregate.Category.values)}."
    return "Give each category once." if counts[category] > 1 else ""


def _describe(
    asked: CommissionRequest, organization: str | None, plan: Plan, terms: Terms, found: Commission
) -> CommissionAnswer:
    slices = [
        Slice(from_cents=start, to_cents=end, amount_cents=amount, rate_bps=rate)
        for start, end, amount, rate in found.explanation.get("slices", ())
    ]
    return CommissionAnswer(
        plan=plan.code,
        plan_name=terms.plan,
        organization=organization,
        month=asked.month,
        currency=terms.currency,
        basis=terms.commission_basis,
        gross_cents=found.earnings.gross_cents,
        net_cents=found.earnings.net_cents,
        carried_in_cents=found.carried_in_cents,
        basis_cents=found.basis_cents,
        commission_cents=found.commission_cents,
        commission=format_money(found.commission_cents, terms.currency),
        carried_cents=found.carried_cents,
        slices=tuple(slices),
        explanation=tuple(explain(found.explanation, terms.currency)),
    )
