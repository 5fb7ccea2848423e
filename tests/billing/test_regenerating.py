"""Billing a month anew: what was issued is voided or credited once, however often the attempt is repeated."""

import pytest

from billing.models import Invoice, InvoiceDelivery
from common.clock import Month
from jobs.engine import work
from jobs.models import JobRun
from jobs.services import rerun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.runs import bill

pytestmark = pytest.mark.django_db(transaction=True)


def _documents(month: Month = AUGUST) -> list[tuple[str | None, str, int]]:
    found = Invoice.objects.filter(month=month.first_day).order_by("id")
    return list(found.values_list("number", "status", "total_cents"))


def test_voids_what_never_reached_the_customer() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert [row[1:] for row in _documents()] == [("void", 2000), ("finalized", 2000)]


def test_credits_what_did() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    InvoiceDelivery.objects.create(invoice=Invoice.objects.get(), step="email", status="done")
    bill(AUGUST, organizations=[organization.pk], regenerate=True)
    assert [row[1:] for row in _documents()] == [("credited", 2000), ("finalized", -2000), ("finalized", 2000)]


def test_a_rerun_of_what_failed_corrects_nothing_twice() -> None:
    organization = make_organization()
    earn(make_creator(organization), AUGUST, 10_000)
    bill(AUGUST)
    again = bill(AUGUST, organizations=[organization.pk], regenerate=True)
    before = _documents()
    second, _ = rerun(again, JobRun.Mode.ALL, trigger="command", actor=None, reason="S3 was down")
    work(second.pk, wait=True)
    assert _documents() == before
