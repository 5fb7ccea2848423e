"""What happened before an organization or a creator left is summed, pulled and billed: what counts is when it was."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from accounts.models import Organization
from billing.checks import find_unbilled_of_who_left
from billing.models import BillingAccount, Invoice, UsageEvent, UsageHour
from billing.services.parking import park_account
from billing.services.usage import aggregate_hour
from common.clock import previous_month
from onlyfans.models import CreatorAccount
from onlyfans.selectors import list_connected, list_creators_to_pull
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan, price_meter
from tests.factories.billing import use as use_hour
from tests.factories.runs import bill, run
from tests.factories.staff import log_in
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)
LAST_HOUR = dt.datetime(2026, 8, 31, 23, tzinfo=dt.UTC)


def use(quantity: str) -> Organization:
    """Let an organization use a meter at a dollar each in August's last hour."""
    plan = make_plan()
    meter = price_meter(plan, "messages", "100")
    organization = make_organization(plan)
    UsageEvent.objects.create(
        organization=organization,
        meter=meter,
        quantity=Decimal(quantity),
        occurred_at=LAST_HOUR + dt.timedelta(minutes=50),
        idempotency_key=uuid.uuid4().hex,
    )
    return organization


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_usage_just_before_a_suspension_is_summed_and_billed(status: str) -> None:
    organization = use("7")
    Organization.objects.update(status=status)
    run("hourly-usage", hour=LAST_HOUR)
    assert [(hour.organization_id, hour.quantity) for hour in UsageHour.objects.all()] == [
        (organization.pk, Decimal(7))
    ]
    bill(AUGUST, organizations=[organization.pk])
    assert Invoice.objects.get().total_cents == 700


def test_what_was_wrong_is_emptied_though_the_organization_is_suspended() -> None:
    use("7")
    aggregate_hour(LAST_HOUR)
    Organization.objects.update(status="suspended")
    UsageEvent.objects.all().delete()
    aggregate_hour(LAST_HOUR)
    assert UsageHour.objects.get().quantity == 0


# Creators


def leave(creator: CreatorAccount, at: dt.datetime, status: str = "closed") -> None:
    """Let a creator have left at a moment."""
    CreatorAccount.objects.filter(pk=creator.pk).update(status=status)
    CreatorAccount.objects.filter(pk=creator.pk).update(left_at=at)


def test_the_database_notes_since_when_a_creator_is_not_active() -> None:
    creator = make_creator(make_organization())
    CreatorAccount.objects.update(status="paused")
    creator.refresh_from_db()
    left_at = creator.left_at
    assert left_at is not None
    CreatorAccount.objects.update(status="closed", display_name="Gone")
    creator.refresh_from_db()
    assert creator.left_at == left_at
    CreatorAccount.objects.update(status="active")
    creator.refresh_from_db()
    assert creator.left_at is None


@pytest.mark.parametrize("status", ["paused", "closed"])
@pytest.mark.parametrize(
    ("left_at", "counts"), [(AUGUST.starts_at + dt.timedelta(seconds=1), True), (AUGUST.starts_at, False)]
)
def test_a_month_is_pulled_for_who_was_active_in_it(status: str, left_at: dt.datetime, counts: bool) -> None:
    creator = make_creator(make_organization(), credentials={"token": "token-1"})
    leave(creator, left_at, status)
    expected = [creator] if counts else []
    assert list(list_connected(AUGUST.first_day)) == expected
    assert list(list_creators_to_pull([creator.organization_id], AUGUST.first_day)) == expected
    CreatorAccount.objects.update(credentials=None)
    assert list(list_creators_to_pull([creator.organization_id], AUGUST.first_day)) == [], "nobody could pull it"


def test_earnings_of_a_creator_who_left_after_the_month_are_pulled_and_billed(wired: Outside) -> None:
    organization = make_organization()
    account = f"of_{uuid.uuid4().hex[:12]}"
    creator = make_creator(organization, onlyfans_user_id=account, credentials={"token": "token-1"})
    wired.seed(account, AUGUST, tips=10_000)
    leave(creator, AUGUST.ends_at + dt.timedelta(hours=1))
    bill(AUGUST)
    assert Invoice.objects.get().lines.get(kind="commission").amount_cents > 0


def test_who_left_after_the_month_has_a_line_and_who_left_before_has_none() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    after, before = make_creator(organization), make_creator(organization)
    leave(after, AUGUST.ends_at)
    leave(before, AUGUST.starts_at)
    bill(AUGUST)
    lines = Invoice.objects.get().lines.order_by("creator")
    assert [line.amount_cents for line in lines] == [2_000, 0]
    assert lines[1].creator == after


# What nobody bills by itself is told


def test_a_month_of_who_has_left_is_told_until_it_is_billed_or_parked() -> None:
    month = previous_month()
    earned, parked, idle, active = (make_organization() for _ in range(4))
    for organization in (earned, parked, active):
        earn(make_creator(organization), month, 10_000)
    make_creator(idle)
    assert list(find_unbilled_of_who_left()) == []
    Organization.objects.exclude(pk=active.pk).update(status="suspended")
    (found,) = find_unbilled_of_who_left()
    assert (found.scope, found.count) == (f"{month} suspended", 2)
    assert found.title == f"2 suspended organizations were not billed for {month.label}"
    assert found.detail.startswith(f"Not billed: {earned} and {parked}. ")
    listed = log_in("Finance").get(found.link).context["cl"].result_list
    assert {one.pk for one in listed} == {earned.pk, parked.pk, idle.pk}
    park_account(parked.billing_account.pk, actor=None, reason="Nothing is to be billed")
    (found,) = find_unbilled_of_who_left()
    assert found.title == f"{earned}, now suspended, was not billed for {month.label}"
    bill(month, organizations=[earned.pk])
    assert list(find_unbilled_of_who_left()) == []


def test_so_is_what_it_used_and_nothing_before_its_first_month() -> None:
    month = previous_month()
    plan = make_plan()
    organization = make_organization(plan)
    use_hour(organization, price_meter(plan, "messages", "100"), month, "7")
    Organization.objects.update(status="closed")
    assert [found.scope for found in find_unbilled_of_who_left()] == [f"{month} closed"]
    BillingAccount.objects.update(first_month=month.plus(1).first_day)
    assert list(find_unbilled_of_who_left()) == []
