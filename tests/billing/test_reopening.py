"""An invoice that is due again, because its credit note is void, says of its creators' months what it said before."""

import pytest
from django.db import IntegrityError, transaction

from billing.models import CommissionStatement, Invoice, InvoiceLine
from billing.services.correcting import credit_invoice, void_invoice
from common.clock import Month
from common.errors import Permanent
from onlyfans.models import CreatorAccount
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.invoices import ISSUED_AT
from tests.factories.runs import bill_here, let_time_pass

pytestmark = pytest.mark.django_db
MAY, JUNE, JULY = (Month(2026, number) for number in (5, 6, 7))


@pytest.fixture
def creator() -> CreatorAccount:
    """A creator billed for June: 1,000.00 at 20 %, less a deficit of 250.00 from May."""
    creator = make_creator(make_organization(account={"max_change_percent": 10**9}))
    earn(creator, MAY, -25_000, "chargebacks")
    earn(creator, JUNE, 100_000)
    for month in (MAY, JUNE):
        bill_here(month, creator.organization_id)
    return creator


def _credit(month: Month) -> Invoice:
    invoice = Invoice.objects.get(month=month.first_day, corrects=None)
    return credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)


def _void(note: Invoice) -> None:
    void_invoice(note.pk, actor=None, reason="It was right")


def _statements() -> list[tuple[object, ...]]:
    names = [field.name for field in CommissionStatement._meta.get_fields() if field.name != "id"]
    return list(CommissionStatement.objects.order_by("month").values_list(*names))


def _list_adjustments(month: Month) -> list[tuple[Month, int]]:
    lines = InvoiceLine.objects.filter(invoice__month=month.first_day, kind="adjustment").order_by("position")
    return [(Month.of(line.month), line.amount_cents) for line in lines]


def test_its_statements_are_back_as_they_were(creator: CreatorAccount) -> None:
    before = _statements()
    assert [row[7] for row in before] == [0, 15_000]
    note = _credit(JUNE)
    assert len(_statements()) == 1
    _void(note)
    assert _statements() == before


def test_its_creator_stays(creator: CreatorAccount) -> None:
    CommissionStatement.objects.filter(month=MAY.first_day).delete()
    _void(_credit(JUNE))
    other = make_organization()
    with transaction.atomic(), pytest.raises(IntegrityError, match="stays there"):
        CreatorAccount.objects.update(organization=other)


def test_the_next_invoice_adjusts_nothing(creator: CreatorAccount) -> None:
    _void(_credit(JUNE))
    bill_here(JULY, creator.organization_id)
    assert _list_adjustments(JULY) == []


def test_what_a_later_invoice_says_of_the_month_holds(creator: CreatorAccount) -> None:
    let_time_pass(30)
    earn(creator, JUNE, 150_000)
    bill_here(JULY, creator.organization_id)
    assert _list_adjustments(JULY) == [(JUNE, 10_000)]
    before = _statements()
    _void(_credit(JUNE))
    assert _statements() == before


def test_a_creator_who_left_meanwhile_is_not_billed_by_two(creator: CreatorAccount) -> None:
    CommissionStatement.objects.filter(month=MAY.first_day).delete()
    note = _credit(JUNE)
    other = make_organization(name="Fjord")
    CreatorAccount.objects.update(organization=other)
    bill_here(JUNE, other.pk)
    billed = _statements()
    with transaction.atomic(), pytest.raises(Permanent) as raised:
        _void(note)
    assert raised.value.message == (
        f"INV-2026-000001 can't become due again: its creator {creator} moved to Fjord since it was credited. Let the "
        "credit note stand, or move the creator back first."
    )
    assert _statements() == billed
    assert list(Invoice.objects.filter(number__isnull=False).order_by("id").values_list("number", "status")) == [
        ("INV-2026-000001", "credited"),
        ("CN-2026-000001", "finalized"),
        ("INV-2026-000002", "finalized"),
    ]
