"""Credit notes: every cent points at the line it takes from, and no line gives more than it has."""

import datetime as dt

import pytest

from billing.models import Invoice, InvoiceAction
from billing.services.correcting import credit_invoice, void_invoice
from common.errors import Permanent
from tests.factories.billing import AUGUST, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT
from tests.factories.invoices import issue_lines as issue
from tests.factories.runs import bill_here

pytestmark = pytest.mark.django_db
LATER = ISSUED_AT + dt.timedelta(days=9)


def line(invoice: Invoice, position: int) -> int:
    return invoice.lines.get(position=position).pk


def credit(invoice: Invoice, amounts: dict[int, int] | None = None) -> Invoice:
    return credit_invoice(invoice.pk, actor=None, reason="Agreed", now=LATER, amounts=amounts)


def amounts_of(note: Invoice) -> dict[str, int]:
    return {found.description: found.amount_cents for found in note.lines.all()}


def status(invoice: Invoice) -> str:
    return Invoice.objects.get(pk=invoice.pk).status


def test_a_full_credit_note_mirrors_the_invoice() -> None:
    invoice = issue(10_000, -2_500, 0, tax_rate_bps=1_900)
    note = credit(invoice)
    assert (note.kind, note.status, note.number, note.corrects) == (
        "credit_note", "finalized", "CN-2026-000001", invoice,
    )  # fmt: skip
    assert (note.subtotal_cents, note.tax_cents, note.total_cents) == (-7_500, -1_425, -8_925)
    assert amounts_of(note) == {"Line 1": -10_000, "Line 2": 2_500, "Line 4": -1_425}
    assert set(note.lines.values_list("corrects", "corrects__invoice")) == {
        (line(invoice, position), invoice.pk) for position in (1, 2, 4)
    }
    assert (note.issue_date, note.organization_id, note.buyer) == (LATER.date(), invoice.organization_id, invoice.buyer)
    assert status(invoice) == "credited"
    action = InvoiceAction.objects.get()
    assert (action.invoice, action.verb, action.reason) == (invoice, "credit", "Agreed")
    assert action.data == {"credit_note": "CN-2026-000001", "total_cents": -8_925}


def test_a_full_credit_frees_the_month() -> None:
    organization = make_organization(make_plan(base_fee_cents=500))
    issued = issue(500, organization=organization)
    bill_here(AUGUST, organization.pk)
    assert Invoice.objects.count() == 1
    credit(issued)
    bill_here(AUGUST, organization.pk)
    assert list(Invoice.objects.order_by("id").values_list("kind", "status", "total_cents")) == [
        ("invoice", "credited", 500),
        ("credit_note", "finalized", -500),
        ("invoice", "finalized", 500),
    ]


def test_a_partial_one_leaves_the_invoice_and_its_month_as_they_are() -> None:
    invoice = issue(10_000, 5_000, tax_rate_bps=2_000)
    note = credit(invoice, {line(invoice, 1): 333})
    assert amounts_of(note) == {"Line 1": -333, "Line 3": -67}
    assert (note.subtotal_cents, note.tax_cents, note.total_cents) == (-333, -67, -400)
    assert status(invoice) == "finalized"
    bill_here(AUGUST, invoice.organization_id)
    assert Invoice.objects.filter(corrects=None).count() == 1


def test_partial_ones_add_up_to_the_whole_tax_included() -> None:
    invoice = issue(100, 100, 100, tax_rate_bps=1_900)
    notes = [credit(invoice, {line(invoice, position): 100}) for position in (1, 2, 3)]
    assert [note.tax_cents for note in notes] == [-19, -19, -19]
    assert status(invoice) == "credited"
    # 1.9 a line: 2, 2, 2 would be more than the 5.7 that were charged.
    small = issue(10, 10, 10, tax_rate_bps=1_900)
    notes = [credit(small, {line(small, position): 10}) for position in (1, 2, 3)]
    assert [note.tax_cents for note in notes] == [-2, -2, -2]
    tiny = issue(3, 3, 3, tax_rate_bps=1_900)
    notes = [credit(tiny, {line(tiny, position): 3}) for position in (1, 2, 3)]
    assert [note.tax_cents for note in notes] == [-1, -1, 0]
    assert tiny.tax_cents == 2


@pytest.mark.parametrize(
    ("cents", "said"),
    [
        (101, "USD 1.01 can't be credited on a line of which USD 1.00 is left."),
        (-1, "-USD 0.01 can't be credited on a line of which USD 1.00 is left."),
    ],
)
def test_no_line_gives_more_than_it_has(cents: int, said: str) -> None:
    invoice = issue(100, 50)
    with pytest.raises(Permanent) as raised:
        credit(invoice, {line(invoice, 1): cents})
    assert raised.value.message == said
    assert Invoice.objects.count() == 1
    assert not InvoiceAction.objects.exists()


def test_what_was_credited_before_is_not_there_any_more() -> None:
    invoice = issue(100, 50)
    credit(invoice, {line(invoice, 1): 60})
    with pytest.raises(Permanent, match=r"of which USD 0\.40 is left"):
        credit(invoice, {line(invoice, 1): 41})
    assert amounts_of(credit(invoice)) == {"Line 1": -40, "Line 2": -50}
    assert status(invoice) == "credited"
    with pytest.raises(Permanent, match="is credited and can't be credited"):
        credit(invoice)


def test_neither_tax_nor_strange_lines_can_be_chosen() -> None:
    invoice, other = issue(100, tax_rate_bps=1_900), issue(100)
    for wrong in (line(invoice, 2), line(other, 1), 0, -1, 10**18):
        with pytest.raises(Permanent, match="can be credited"):
            credit(invoice, {wrong: 1})
    assert Invoice.objects.count() == 2


@pytest.mark.parametrize("amounts", [{}, {"first": 0}])
def test_nothing_can_not_be_credited(amounts: dict[str, int]) -> None:
    invoice = issue(100)
    with pytest.raises(Permanent, match="There is nothing left to credit"):
        credit(invoice, {line(invoice, 1): cents for cents in amounts.values()})


def test_a_reason_is_demanded() -> None:
    invoice = issue(100)
    with pytest.raises(Permanent, match="Say why"):
        credit_invoice(invoice.pk, actor=None, reason="  ", now=LATER)
    with pytest.raises(Permanent, match="Say why"):
        void_invoice(invoice.pk, actor=None, reason="")
    assert status(invoice) == "finalized"


def test_neither_credit_notes_nor_unissued_nor_void_invoices_can_be_credited() -> None:
    invoice = issue(100)
    note = credit(invoice, {line(invoice, 1): 1})
    with pytest.raises(Permanent, match="can't be credited"):
        credit(note)
    void = issue(100)
    void_invoice(void.pk, actor=None, reason="Wrong")
    with pytest.raises(Permanent, match="is void and can't be credited"):
        credit(void)


def test_an_invoice_with_credit_notes_is_not_voided_before_them() -> None:
    invoice = issue(100)
    note = credit(invoice, {line(invoice, 1): 40})
    with pytest.raises(Permanent, match="has credit notes; void those first"):
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    void_invoice(note.pk, actor=None, reason="Wrong")
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    assert (status(note), status(invoice)) == ("void", "void")


def test_voiding_the_credit_note_makes_the_invoice_due_again() -> None:
    invoice = issue(100)
    note = credit(invoice)
    void_invoice(note.pk, actor=None, reason="The customer pays after all")
    assert (status(note), status(invoice)) == ("void", "finalized")
    assert credit(invoice).total_cents == -100


def test_a_replaced_invoice_does_not_come_back() -> None:
    organization = make_organization(make_plan(base_fee_cents=500))
    invoice = issue(500, organization=organization)
    note = credit(invoice)
    bill_here(AUGUST, organization.pk)
    with pytest.raises(Permanent, match="was replaced since it was credited"):
        void_invoice(note.pk, actor=None, reason="Wrong")
    assert (status(note), status(invoice)) == ("finalized", "credited")
