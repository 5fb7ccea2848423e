"""The terms under which somebody is or would be billed."""

from billing.models import Plan
from billing.pricing import Terms
from billing.selectors.inputs import read_terms


def get_terms_of_plan(code: str) -> tuple[Plan, Terms] | None:
    """Return a plan by its code with its present terms; None where there is none."""
    return _with_terms(Plan.objects.filter(code=code).first())


def get_terms_of_organization(organization_id: str) -> tuple[Plan, Terms] | None:
    """Return the plan that an organization is billed by, with its present terms; None where it has none."""
    return _with_terms(Plan.objects.filter(accounts__organization=organization_id).first())


def _with_terms(plan: Plan | None) -> tuple[Plan, Terms] | None:
    return (plan, read_terms([plan.pk])[plan.pk]) if plan else None
