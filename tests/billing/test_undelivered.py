"""What a run says of invoices that it issued and that nobody began to deliver."""

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from billing.jobs.summary import _context
from billing.models import Invoice
from jobs.models import JobRun
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.invoices import deliver, note_delivery
from tests.factories.runs import bill
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db(transaction=True)


def _make_organizations(count: int) -> None:
    for _ in range(count):
        earn(make_creator(make_organization()), AUGUST, 100_000)


def _mail(run: JobRun) -> str:
    return render_to_string("billing/email/summary.txt", {"summary": _context(run)})


def test_a_run_without_delivery_says_how_many_invoices_are_not_delivered() -> None:
    _make_organizations(3)
    run = bill(AUGUST)
    assert (run.summary["invoices"], run.summary["not_delivered"]) == (3, 3)
    assert "\nNot delivered: 3\nInvoiced: USD 600.00\n" in _mail(run)
    page = log_in("Finance").get(reverse("admin:jobs_jobrun_change", args=[run.pk])).content.decode()
    assert "<dt>Not delivered</dt><dd><div>3</div></dd>" in page


def test_a_later_run_counts_what_is_left() -> None:
    _make_organizations(3)
    bill(AUGUST)
    done, failed, _ = Invoice.objects.order_by("pk")
    deliver(done)
    note_delivery(failed, "stripe", "failed")
    again = bill(AUGUST)
    assert (again.summary["invoices"], again.summary["not_delivered"]) == (0, 2)


def test_nothing_is_said_where_all_is_delivered_or_nothing_was_to_be() -> None:
    _make_organizations(1)
    dry = bill(AUGUST, dry_run=True)
    bill(AUGUST)
    deliver(Invoice.objects.get())
    again = bill(AUGUST)
    assert ("not_delivered" in dry.summary, "not_delivered" in again.summary) == (False, False)
    assert "Not delivered" not in _mail(dry) + _mail(again)
