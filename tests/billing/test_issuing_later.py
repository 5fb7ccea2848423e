"""A run that issues what was computed before it counts it as its own."""

import pytest

from billing.models import Invoice
from billing.services.correcting import approve_invoice
from tests.factories.billing import AUGUST
from tests.factories.invoices import make_held
from tests.factories.runs import bill

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_approved_invoice_is_in_the_summary_of_the_run_that_issues_it() -> None:
    held = make_held(100_000)
    approve_invoice(held.pk, actor=None, reason="Expected")
    preview, run = bill(AUGUST, dry_run=True), bill(AUGUST)
    for summary in (preview.summary, run.summary):
        assert (summary["invoices"], summary["revenue_cents"]) == (1, {"USD": 20_000})
    issued = Invoice.objects.get()
    assert (issued.pk, issued.status, issued.total_cents) == (held.pk, "finalized", 20_000)
    assert run.items.get().result["number"] == issued.number


def test_what_an_earlier_run_issued_is_not() -> None:
    held = make_held(100_000)
    approve_invoice(held.pk, actor=None, reason="Expected")
    bill(AUGUST)
    again = bill(AUGUST)
    assert (again.summary["invoices"], again.summary["revenue_cents"]) == (0, {})
    assert again.items.get().result["note"] == "Billed already."
