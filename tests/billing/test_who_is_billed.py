"""Who is billed for a month: who was there, whom staff let begin later, and whom staff name though they have left."""

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts.models import Organization
from billing.forms import FirstDayField
from billing.models import Invoice
from billing.selectors.due import list_due
from billing.services.parking import park_account, unpark_account
from common.clock import Month, now
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import cancel_run, expand_run, read_params, rerun, start
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill, finish
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db(transaction=True)
SEPTEMBER = AUGUST.plus(1)


def make(**fields: Any) -> Organization:
    """Make an organization that owes a base fee and 20 % of 100.00, made just now unless told."""
    organization = make_organization(make_plan(base_fee_cents=1_000), **fields)
    earn(make_creator(organization), AUGUST, 10_000)
    return organization


def make_early(**fields: Any) -> Organization:
    """Make an organization that was there in August."""
    early = AUGUST.starts_at
    return make(created_at=early, account={"due_since": early, **fields.pop("account", {})}, **fields)


def billed() -> list[tuple[str, Month]]:
    return [(who, Month.of(of)) for who, of in Invoice.objects.order_by("id").values_list("organization", "month")]


# The schedule


@pytest.mark.parametrize(("since", "is_due"), [(AUGUST.ends_at, False), (AUGUST.ends_at - dt.timedelta(hours=1), True)])
def test_the_schedule_bills_nobody_for_a_month_that_ended_before_the_account_was_made(
    since: dt.datetime, is_due: bool
) -> None:
    organization = make(account={"due_since": since})
    ended = bill(AUGUST, due_by=dt.date(2026, 9, 1))
    assert (ended.status, ended.expected) == (("succeeded", 1) if is_due else ("nothing_to_do", 0))
    assert billed() == ([(organization.pk, AUGUST)] if is_due else [])


@pytest.mark.parametrize("how", ["unparked", "active"])
def test_nor_before_it_was_taken_up_again(how: str) -> None:
    organization = make_early()
    first = dt.date(2026, 9, 1)
    assert list(list_due(AUGUST, first)) == [organization]
    if how == "unparked":
        account = organization.billing_account
        park_account(account.pk, actor=None, reason="Dispute")
        unpark_account(account.pk, actor=None, reason="Settled")
    else:
        Organization.objects.update(status="suspended")
        Organization.objects.update(status="active")
    assert list(list_due(AUGUST, first)) == []
    bill(AUGUST)
    assert billed() == [(organization.pk, AUGUST)], "a run that names its month covers it"


# Rerun missing


def again(run: JobRun, mode: str = JobRun.Mode.MISSING) -> JobRun:
    run.refresh_from_db()
    return rerun(run, mode, trigger="admin", actor=None, reason="Left out")[0]


def begin(**params: Any) -> JobRun:
    job = get_job("monthly-billing")
    params = {"month": AUGUST, "deliver": False, **params}
    return start(job, read_params(job, params), JobRun.Trigger.COMMAND)[0]


def test_rerun_missing_leaves_out_who_came_after_the_run_began() -> None:
    make_early()
    ended = bill(AUGUST)
    late = make()
    assert finish(again(ended)).status == "nothing_to_do"
    assert len(billed()) == 1
    assert keys(finish(again(ended, JobRun.Mode.ALL))) == keys(ended) | {late.pk}


def keys(run: JobRun) -> set[str]:
    return set(run.items.values_list("key", flat=True))


def test_rerun_missing_of_a_run_that_never_began_covers_who_was_there() -> None:
    early = make_early()
    run = begin()
    cancel_run(run, None, "Too early")
    make()
    make_early(account={"due_since": now() + dt.timedelta(minutes=1)})
    first = again(run)
    cancel_run(first, None, "Still too early")
    assert keys(finish(again(first))) == {early.pk}
    assert billed() == [(early.pk, AUGUST)]


def test_rerun_missing_takes_up_what_the_run_expected_whatever_has_become_of_it() -> None:
    """An item that never ended is missing, though its organization was suspended and let in again meanwhile."""
    early = make_early()
    run = finish(begin())
    run.items.update(status="cancelled")
    JobRun.objects.update(status="cancelled", done=0)
    Organization.objects.update(status="suspended")
    Organization.objects.update(status="active")
    assert keys(finish(again(run))) == {early.pk}


# The first month


def test_no_run_bills_a_month_before_the_first_that_staff_gave() -> None:
    organization = make_early(account={"first_month": SEPTEMBER.first_day})
    assert list(list_due(AUGUST, dt.date(2026, 9, 1))) == []
    assert bill(AUGUST).status == "nothing_to_do"
    item = bill(AUGUST, organizations=[organization.pk]).items.get()
    note = "The first month to bill, as its billing account says, is 2026-09."
    assert (item.status, item.result["note"]) == ("skipped", note)
    assert billed() == []
    assert list(list_due(SEPTEMBER, dt.date(2026, 10, 1))) == [organization]
    bill(SEPTEMBER)
    assert billed() == [(organization.pk, SEPTEMBER)]


def test_staff_write_the_first_month_as_they_say_it() -> None:
    account = make().billing_account
    client, address = log_in("Finance"), reverse("admin:billing_billingaccount_change", args=[account.pk])
    sent = {"plan": account.plan_id, "tax_rate_bps": "0", "schedule_day": "1", "first_month": "2026-11"}
    client.post(address, sent)
    account.refresh_from_db()
    assert account.first_month == dt.date(2026, 11, 1)
    assert 'value="2026-11"' in client.get(address).content.decode()
    refused = client.post(address, {**sent, "first_month": "November"})
    assert refused.context["adminform"].form.errors["first_month"] == [
        "“November” is not a month: write it as year and month, like 2026-10."
    ]
    client.post(address, {**sent, "first_month": ""})
    account.refresh_from_db()
    assert account.first_month is None


def test_the_first_month_is_read() -> None:
    field = FirstDayField(required=False)
    assert (field.clean(" 2026-11 "), field.clean("")) == (dt.date(2026, 11, 1), None)
    with pytest.raises(ValidationError):
        field.clean("2026-13")


# By name


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_the_last_month_of_who_has_left_is_billed_by_name(status: str) -> None:
    organization = make_early()
    Organization.objects.update(status=status)
    assert bill(AUGUST).status == "nothing_to_do"
    ended = bill(AUGUST, organizations=[organization.pk])
    assert (ended.status, ended.done, ended.skipped) == ("succeeded", 1, 0)
    assert [invoice.total_cents for invoice in Invoice.objects.all()] == [3_000]


def test_who_was_suspended_while_a_run_of_all_was_under_way_is_left_out_and_it_says_how_to_bill_it() -> None:
    make_early()
    run = begin()
    expand_run(run.pk)
    Organization.objects.update(status="suspended")
    item = finish(run).items.get()
    note = "The organization is suspended: name it in a run of 2026-08 to bill it all the same."
    assert (item.status, item.result["note"]) == ("skipped", note)
    assert billed() == []


def test_a_parked_one_stays_left_out_though_named() -> None:
    organization = make_early()
    park_account(organization.billing_account.pk, actor=None, reason="Dispute")
    item = bill(AUGUST, organizations=[organization.pk]).items.get()
    assert (item.status, item.result["note"], billed()) == ("skipped", "Parked: Dispute", [])
