"""A run that ends between computing and numbering leaves drafts behind: they are billed all the same, and told of."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from accounts.models import Organization
from billing.checks import find_left_drafts
from billing.models import BillingAccount, CommissionBracket, Invoice, InvoiceAction
from billing.selectors.due import list_due, list_left_over
from billing.services.correcting import approve_invoice, reject_invoice
from billing.services.deciding import approve_and_bill
from billing.services.parking import park_account, unpark_account
from common.clock import now
from common.errors import Permanent
from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import cancel_run, read_params, rerun, start, stop_run
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.invoices import make_held
from tests.factories.runs import bill, finish

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = dt.datetime(2026, 8, 2, tzinfo=dt.UTC)
FIRST, SECOND = dt.date(2026, 9, 1), dt.date(2026, 9, 2)


@pytest.fixture
def organization() -> Organization:
    """Make an organization that owes 20 % of 1,000.00."""
    organization = make_organization(account={"due_since": LONG_AGO})
    earn(make_creator(organization), AUGUST, 100_000)
    return organization


@contextmanager
def no_numbers() -> Iterator[None]:
    """Let another session keep the counters, and whoever wants a number give up soon."""
    with psycopg.connect(**connection.get_connection_params()) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE billing_numberseries IN EXCLUSIVE MODE")
        cursor.execute("SET lock_timeout = '100ms'")
        yield
        cursor.execute("SET lock_timeout = 0")


def begin_billing(**params: object) -> JobRun:
    """Bill August up to the number: the draft is there, and its item waits for another attempt."""
    job = get_job("monthly-billing")
    params = {"month": AUGUST, "deliver": False, **params}
    run, _ = start(job, read_params(job, params), JobRun.Trigger.COMMAND, reason="Test")
    with no_numbers():
        work(run.pk)
    run.refresh_from_db()
    assert run.is_active
    assert Invoice.objects.get().status == "draft"
    return run


def cancel(run: JobRun) -> None:
    """Stop it as somebody does who sees that something is wrong."""
    cancel_run(run, None, "Wrong plan")


def misconfigure(run: JobRun) -> None:
    """Stop it as a worker does that finds a setting wrong."""
    stop_run(run.pk, "STRIPE_API_KEY is wrong.")


def date_back(days: int) -> None:
    """Let what was computed have been computed so many days before September 2."""
    at = dt.datetime(2026, 9, 2, 2, tzinfo=dt.UTC) - dt.timedelta(days=days)
    Invoice.objects.filter(number=None).update(computed_at=at)


def due(day: dt.date) -> list[str]:
    return list(list_due(AUGUST, day).values_list("pk", flat=True))


@pytest.mark.parametrize("end", [cancel, misconfigure])
def test_the_next_days_run_takes_up_what_a_dead_run_left(
    organization: Organization, end: Callable[[JobRun], None]
) -> None:
    run = begin_billing(due_by=FIRST)
    date_back(1)
    assert due(SECOND) == [], "a run is still at it"
    assert AUGUST not in list_left_over(dt.date(2026, 10, 1))
    end(run)
    assert due(SECOND) == [organization.pk]
    assert AUGUST in list_left_over(dt.date(2026, 10, 1))
    ended = bill(AUGUST, due_by=SECOND)
    assert (ended.status, ended.expected, ended.done) == ("succeeded", 1, 1)
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.total_cents, invoice.run) == ("finalized", 20_000, ended)
    assert AUGUST not in list_left_over(dt.date(2026, 10, 1))


@pytest.mark.parametrize("end", [cancel, misconfigure])
def test_rerun_missing_takes_it_up(organization: Organization, end: Callable[[JobRun], None]) -> None:
    run = begin_billing()
    end(run)
    run.refresh_from_db()
    assert run.missing == 1
    again, _ = rerun(run, JobRun.Mode.MISSING, trigger="admin", actor=None, reason="Cancelled too early")
    assert (finish(again).status, Invoice.objects.get().status) == ("succeeded", "finalized")


def test_what_was_left_is_computed_by_what_is_right_now(organization: Organization) -> None:
    """Who cancels a run since the plan is wrong must not find the wrong drafts issued by the next one."""
    cancel(begin_billing())
    CommissionBracket.objects.update(rate_bps=1_000)
    bill(AUGUST)
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.total_cents, invoice.lines.count()) == ("finalized", 10_000, 1)


def test_a_live_runs_own_draft_is_issued_as_it_is(organization: Organization) -> None:
    run = begin_billing()
    computed_at = Invoice.objects.get().computed_at
    assert finish(run).status == "succeeded"
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.computed_at, invoice.run) == ("finalized", computed_at, run)


def test_what_a_person_approved_is_issued_as_it_was_seen(organization: Organization) -> None:
    held = make_held()
    BillingAccount.objects.update(due_since=LONG_AGO)
    approve_invoice(held.pk, actor=None, reason="A good month")
    CommissionBracket.objects.update(rate_bps=1_000)
    date_back(1)
    assert held.organization_id in due(SECOND)
    bill(AUGUST, due_by=SECOND)
    held.refresh_from_db()
    assert (held.status, held.total_cents) == ("finalized", 20_000)


def test_it_is_told_until_somebody_takes_it_up(organization: Organization) -> None:
    run = begin_billing()
    date_back(1)
    assert list(find_left_drafts()) == [], "a run is still at it"
    cancel(run)
    (found,) = find_left_drafts()
    name = f"invoice for {Invoice.objects.get().period.label} of {organization}"
    assert (found.scope, found.title, found.count) == ("left", f"The {name} was computed but not issued", 1)
    assert found.link.endswith("?status__exact=draft")
    Invoice.objects.update(computed_at=now() - dt.timedelta(minutes=9))
    assert list(find_left_drafts()) == [], "somebody may be about to run it again"
    date_back(1)
    park_account(organization.billing_account.pk, actor=None, reason="Dispute")
    assert list(find_left_drafts()) == []


# Parked meanwhile


def test_who_is_parked_between_computing_and_numbering_is_not_billed(organization: Organization) -> None:
    run = begin_billing()
    park_account(organization.billing_account.pk, actor=None, reason="Dispute")
    item = finish(run).items.get()
    assert (item.status, item.result["note"], item.result["status"]) == ("skipped", "Parked: Dispute", "draft")
    assert Invoice.objects.get().number is None


def test_what_was_approved_before_its_organization_was_parked_is_issued_when_it_is_unparked() -> None:
    held = make_held()
    account = held.organization.billing_account
    started = approve_and_bill(held.pk, actor=None, reason="A good month")
    park_account(account.pk, actor=None, reason="Dispute")
    for run in (started, begin_again(held)):
        item = finish(run).items.get()
        assert (item.status, item.result["note"]) == ("skipped", "Parked: Dispute")
    held.refresh_from_db()
    assert (held.status, held.number) == ("draft", None)
    unpark_account(account.pk, actor=None, reason="Settled")
    finish(begin_again(held))
    held.refresh_from_db()
    assert (held.status, held.total_cents) == ("finalized", 20_000)


def begin_again(invoice: Invoice) -> JobRun:
    job = get_job("monthly-billing")
    params = {"month": AUGUST, "deliver": False, "organizations": [invoice.organization_id]}
    return start(job, read_params(job, params), JobRun.Trigger.COMMAND)[0]


def test_what_is_held_of_a_parked_organization_can_be_rejected_and_not_approved() -> None:
    held = make_held()
    park_account(held.organization.billing_account.pk, actor=None, reason="Dispute")
    with pytest.raises(Permanent, match=r"is parked \(Dispute\): unpark it first\."):
        approve_invoice(held.pk, actor=None, reason="A good month")
    reject_invoice(held.pk, actor=None, reason="Disputed")
    held.refresh_from_db()
    assert (held.status, InvoiceAction.objects.count()) == ("rejected", 1)
