"""The demo's former months: dated in the month after their own, most paid, one overdue and one paid in part."""

import datetime as dt
from email.utils import parsedate_to_datetime

import httpx
import pytest

from accounts.models import User
from billing.models import Invoice, InvoiceDelivery, Payment, StripeRecord
from common.clock import Month, now, previous_month
from huntaze.demo_past import bill_former_month
from jobs.models import JobItem, JobRun
from tests.factories.billing import earn, make_creator, make_organization
from tests.outside import Outside, outside, wired

__all__ = ["outside", "wired"]
pytestmark = pytest.mark.django_db(transaction=True)
MONTH = previous_month().plus(-1)


def _make_business() -> None:
    User.objects.create_user("finance@huntaze.test", "secret", name="Fiona Finance", is_staff=True)
    for id_ in ("org_demo01", "org_demo04", "org_demo08", "org_demo13"):
        created_at = MONTH.plus(-3).starts_at
        organization = make_organization(id=id_, created_at=created_at, account={"deliver_stripe": id_ == "org_demo01"})
        earn(make_creator(organization), MONTH, 100_000, received_at=MONTH.ends_at)


def _read() -> dict[str, tuple[str, int]]:
    rows = Invoice.objects.values_list("organization", "status", "remaining_cents")
    return {id_: (status, cents) for id_, status, cents in rows}


def test_a_former_month_is_issued_delivered_and_paid_in_the_month_after() -> None:
    _make_business()
    bill_former_month(MONTH, is_last=True)
    assert _read() == {
        "org_demo01": ("paid", 0),
        "org_demo04": ("finalized", 10_000),
        "org_demo08": ("paid", 0),
        "org_demo13": ("finalized", 20_000),
    }
    after = MONTH.plus(1)
    instants = [
        *Invoice.objects.values_list("finalized_at", flat=True),
        *Invoice.objects.values_list("computed_at", flat=True),
        *InvoiceDelivery.objects.values_list("created_at", flat=True),
        *InvoiceDelivery.objects.values_list("done_at", flat=True),
        *JobRun.objects.filter(job="monthly-billing").values_list("created_at", flat=True),
        *JobRun.objects.filter(job="monthly-billing").values_list("finished_at", flat=True),
        *Payment.objects.values_list("recorded_at", flat=True),
        *StripeRecord.objects.values_list("paid_at", flat=True),
    ]
    assert {Month.of(at) for at in instants if at} == {after}
    issued = set(Invoice.objects.values_list("issue_date", "due_date"))
    assert issued == {(after.first_day, after.first_day + dt.timedelta(days=14))}
    assert {Month.of(day) for day in Payment.objects.values_list("received_date", flat=True)} == {after}


def test_it_is_billed_and_paid_once_and_other_months_leave_nothing_open() -> None:
    _make_business()
    for _ in range(2):
        bill_former_month(MONTH, is_last=False)
    assert (JobRun.objects.filter(job="monthly-billing").count(), Invoice.objects.count()) == (1, 4)
    assert set(_read().values()) == {("paid", 0)}
    assert (Payment.objects.count(), StripeRecord.objects.count()) == (3, 1)


def test_its_mails_and_steps_carry_the_date_of_then(wired: Outside) -> None:
    _make_business()
    bill_former_month(MONTH, is_last=False)
    mails = [wired.read_mail(mail["number"]) for mail in wired.list_mails()]
    assert len(mails) == 4
    after = MONTH.plus(1)
    assert {Month.of(parsedate_to_datetime(mail["Date"])) for mail in mails} == {after}
    steps = [step for item in JobItem.objects.all() for step in item.history]
    assert {step["name"] for step in steps} >= {"compute", "number", "pdf", "store", "email"}
    assert {step["started_at"][:7] for step in steps} == {str(after)}
    inbox = httpx.get(f"{wired.sandbox.http_url}/mail/").text
    assert f"{after}-" in inbox and f"{now():%Y-%m-}" not in inbox
