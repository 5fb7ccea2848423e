"""A month that is billed anew: the new invoice names the old one, with who and why, and the old one leads to it."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from billing.models import Invoice
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering.documents import make_document
from tests.factories.billing import AUGUST
from tests.factories.invoices import ISSUED_AT, make_draft, make_invoice
from tests.factories.runs import bill_anew_here, bill_here
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db


def _live(old: Invoice) -> Invoice:
    return Invoice.objects.exclude(status__in=Invoice.DEAD).get(organization=old.organization_id, corrects=None)


def _page(invoice: Invoice) -> str:
    content: str = log_in("Finance").get(reverse("admin:billing_invoice_change", args=[invoice.pk])).content.decode()
    return " ".join(content.split())


def test_it_names_the_old_one_on_its_page_and_in_its_history() -> None:
    old = make_invoice()
    void_invoice(old.pk, actor=make_staff("Finance", name="Ada"), reason="Wrong plan until October")
    bill_here(AUGUST, old.organization_id)
    new = _live(old)
    assert (new.replaces, new.number) == (old, "INV-2026-000002")
    page = _page(new)
    for said in ("<dt>Replaces</dt>", "INV-2026-000001", "INV-2026-000001, which this replaces"):
        assert said in page
    assert page.count("Wrong plan until October") == 2
    assert page.count("Ada") == 2
    link = f'<a class="hz-link" href="{reverse("admin:billing_invoice_change", args=[new.pk])}">INV-2026-000002</a>'
    assert f"<dt>Replaced by</dt><dd>{link}</dd>" in _page(old)


@pytest.mark.parametrize("reached", [False, True])
def test_billing_anew_says_who_and_why(reached: bool) -> None:
    old = make_invoice()
    if reached:
        old.deliveries.create(step="email", status="done")
    bill_anew_here(AUGUST, old.organization_id)
    new = _live(old)
    assert new.replaces == old
    page = _page(new)
    assert f"{'Credited' if reached else 'Voided'} by a job: Billed anew" in page


def test_the_newest_of_several_is_replaced() -> None:
    first = make_invoice()
    bill_anew_here(AUGUST, first.organization_id)
    second = _live(first)
    credit_invoice(second.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    assert make_draft(first.organization).replaces == second


def test_the_first_invoice_of_a_month_replaces_nothing() -> None:
    invoice = make_invoice()
    assert invoice.replaces is None
    assert "Replace" not in _page(invoice)


def test_its_pdf_says_it() -> None:
    old = make_invoice()
    bill_anew_here(AUGUST, old.organization_id)
    new = _live(old)
    assert make_document(new, list(new.lines.all())).replaces_number == old.number


def test_it_stays_once_it_is_issued() -> None:
    old, other = make_invoice(), make_invoice()
    bill_anew_here(AUGUST, old.organization_id)
    for wrong in (None, other):
        with transaction.atomic(), pytest.raises(IntegrityError, match="is issued and can not be changed"):
            Invoice.objects.filter(replaces=old).update(replaces=wrong)
