"""Organizations that can't be billed as they are: each says why, the others are billed, and repaired they follow."""

from collections.abc import Callable

import pytest

from accounts.models import Organization
from billing.models import BillingAccount, CommissionBracket, Invoice
from billing.services.parking import park_account, unpark_account
from common.errors import Permanent
from jobs.models import JobRun
from jobs.services import rerun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill, finish
from tests.factories.staff import make_staff

pytestmark = pytest.mark.django_db(transaction=True)


def without_brackets() -> Callable[[], object]:
    plan = make_plan((), name="Starter")
    earn(make_creator(make_organization(plan, id="org_trouble")), AUGUST, 10_000)
    return lambda: CommissionBracket.objects.create(plan=plan, from_cents=0, rate_bps=2_000)


def with_a_plan_in_another_currency() -> Callable[[], object]:
    plan = make_plan(name="Starter", currency="EUR")
    earn(make_creator(make_organization(plan, id="org_trouble")), AUGUST, 10_000)
    return lambda: type(plan).objects.filter(pk=plan.pk).update(currency="USD")


def with_earnings_in_another_currency() -> Callable[[], object]:
    earned = earn(make_creator(make_organization(id="org_trouble")), AUGUST, 10_000, currency="EUR")
    return lambda: type(earned).objects.filter(pk=earned.pk).update(currency="USD")


def without_a_billing_account() -> Callable[[], object]:
    organization = Organization.objects.create(id="org_trouble", name="Trouble", email="trouble@example.test")
    earn(make_creator(organization), AUGUST, 10_000)
    return lambda: BillingAccount.objects.create(organization=organization, plan=make_plan())


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (without_brackets, "The plan “Starter” has no commission brackets: add at least one."),
        (
            with_a_plan_in_another_currency,
            "The plan “Starter” is in EUR, the organization in USD: make them agree.",
        ),
        (
            with_earnings_in_another_currency,
            "Earnings came in EUR, but the organization is billed in USD: correct the earnings, or set the currency of "
            "organization and plan.",
        ),
        (
            without_a_billing_account,
            "There is no billing account: open the organization and choose a plan for it.",
        ),
    ],
)
def test_is_one_failed_item(make: Callable[[], Callable[[], object]], error: str) -> None:
    before, repair, after = (make_organization(id="org_a"), make(), make_organization(id="org_z"))
    for organization in (before, after):
        earn(make_creator(organization), AUGUST, 5_000)
    run = bill(AUGUST)
    assert (run.status, run.done, run.failed) == ("partial", 2, 1)
    item = run.items.get(status="failed")
    assert (item.key, item.step, item.error, item.attempts) == ("org_trouble", "compute", error, 1)
    assert run.summary["errors"]["generate"] == 1
    billed = dict(Invoice.objects.values_list("organization", "number"))
    assert sorted(billed) == ["org_a", "org_z"]
    repair()
    again, _ = rerun(run, JobRun.Mode.FAILED, trigger="command", actor=None, reason="Repaired")
    again = finish(again)
    assert (again.status, again.expected, again.done) == ("succeeded", 1, 1), again.items.get().error
    assert Invoice.objects.get(organization="org_trouble").total_cents == 2_000
    assert dict(Invoice.objects.exclude(organization="org_trouble").values_list("organization", "number")) == billed


def test_who_is_parked_is_left_out_with_the_reason_and_billed_once_unparked() -> None:
    actor = make_staff()
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    account = park_account(organization.billing_account.pk, actor=actor, reason=" Disputed ")
    assert (account.is_parked, account.parked_reason, account.parked_by) == (True, "Disputed", actor)
    run = bill(AUGUST)
    item = run.items.get()
    assert (run.status, item.status, item.result["note"]) == ("succeeded", "skipped", "Parked: Disputed")
    assert not Invoice.objects.exists()
    unpark_account(account.pk, actor=actor, reason="Settled")
    bill(AUGUST)
    assert Invoice.objects.get().total_cents == 2_000


def test_parking_does_not_undo_what_is_billed() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    park_account(organization.billing_account.pk, actor=None, reason="Disputed")
    assert bill(AUGUST).items.get().result["note"] == "Billed already."
    assert Invoice.objects.get().status == "finalized"


def test_parking_wants_a_reason_and_happens_once() -> None:
    account = make_organization().billing_account
    with pytest.raises(Permanent, match="Say why"):
        park_account(account.pk, actor=None, reason=" ")
    with pytest.raises(Permanent, match="is not parked"):
        unpark_account(account.pk, actor=None, reason="Settled")
    park_account(account.pk, actor=None, reason="Disputed")
    with pytest.raises(Permanent, match="is parked already: Disputed"):
        park_account(account.pk, actor=None, reason="Again")
    assert BillingAccount.objects.get().parked_reason == "Disputed"


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_only_active_organizations_are_expected(status: str) -> None:
    earn(make_creator(make_organization(status=status)), AUGUST, 10_000)
    run = bill(AUGUST)
    assert (run.status, run.expected) == ("nothing_to_do", 0)
    assert not Invoice.objects.exists()


def test_a_creator_who_left_is_billed_for_what_they_earned_and_else_not_at_all() -> None:
    organization = make_organization()
    earn(make_creator(organization, status="closed"), AUGUST, 10_000)
    make_creator(organization, status="paused")
    bill(AUGUST)
    assert [line.amount_cents for line in Invoice.objects.get().lines.all()] == [2_000]
