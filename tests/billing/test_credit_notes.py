"""Credit notes: every cent points at the line it takes from, and no line gives more than it has."""

import datetime as dt
from collections import defaultdict
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import Invoice, InvoiceAction, InvoiceLine, PlanTerms
from billing.pricing import compute_tax
from billing.selectors.inputs import read_terms
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.numbering import finalize_invoices
from billing.services.terms import keep_terms
from common.errors import Permanent
from tests.factories.billing import AUGUST, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT
from tests.factories.runs import bill_here

pytestmark = pytest.mark.django_db
LATER = ISSUED_AT + dt.timedelta(days=9)


def issue(*cents: int, tax_rate_bps: int = 0, organization: Organization | None = None) -> Invoice:
    """Issue an invoice of lines of these amounts."""
    organization = organization or make_organization()
    plan = organization.billing_account.plan
    terms = PlanTerms.objects.get(pk=keep_terms(read_terms([plan.pk]))[plan.pk])
    subtotal = sum(cents)
    tax = compute_tax(subtotal, tax_rate_bps)
    invoice = Invoice.objects.create(
        organization=organization, month=AUGUST.first_day, currency="USD", subtotal_cents=subtotal,
        tax_cents=tax.amount_cents, total_cents=subtotal + tax.amount_cents, terms=terms,
    )  # fmt: skip
    lines: list[tuple[str, int, dict[str, Any]]] = [("usage", amount, {}) for amount in cents]
    if tax_rate_bps:
        lines.append(("tax", tax.amount_cents, tax.explanation))
    for position, (kind, amount, explanation) in enumerate(lines, start=1):
        InvoiceLine.objects.create(
            invoice=invoice, position=position, kind=kind, month=AUGUST.first_day, amount_cents=amount,
            description=f"Line {position}", explanation=explanation,
        )  # fmt: skip
    finalize_invoices([invoice.pk], ISSUED_AT)
    invoice.refresh_from_db()
    return invoice


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


def test_a_negative_line_is_credited_the_other_way() -> None:
    invoice = issue(100, -30)
    assert credit(invoice, {line(invoice, 2): -10}).total_cents == 10
    with pytest.raises(Permanent, match=r"-USD 0\.21 can't be credited on a line of which -USD 0\.20 is left"):
        credit(invoice, {line(invoice, 2): -21})


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


@st.composite
def credits(draw: st.DrawFn) -> list[tuple[int, int, bool]]:
    """What to take, in percent of what is left of a line, and whether the note is voided afterwards."""
    return draw(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 100), st.booleans()), max_size=8))


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(-900, 900), min_size=1, max_size=5).filter(any),
    st.sampled_from([0, 700, 1_900, 10_000]),
    credits(),
)
def test_every_cent_is_traced(cents: list[int], rate: int, wished: list[tuple[int, int, bool]]) -> None:
    with transaction.atomic():
        invoice = issue(*cents, tax_rate_bps=rate)
        for place, percent, is_void in wished:
            _credit_some(invoice, place % len(cents) + 1, percent, is_void=is_void)
            _check_trace(invoice)
        if status(invoice) != "credited" and any(_left(invoice).values()) and invoice.kind == "invoice":
            credit(invoice)
            assert not any(_left(invoice).values())
            assert status(invoice) == "credited"
            stands = Invoice.objects.exclude(status="void")
            assert sum(stands.values_list("total_cents", flat=True)) == 0
            assert sum(stands.values_list("tax_cents", flat=True)) == 0
        transaction.set_rollback(True)


def _left(invoice: Invoice) -> dict[int, int]:
    """What is left of each line, summed from the credit notes that stand."""
    left: dict[int, int] = defaultdict(int)
    left |= {found.pk: found.amount_cents for found in invoice.lines.all()}
    for taken in InvoiceLine.objects.filter(invoice__corrects=invoice).exclude(invoice__status="void"):
        left[taken.corrects_id or 0] += taken.amount_cents
    return left


def _credit_some(invoice: Invoice, position: int, percent: int, *, is_void: bool) -> None:
    chosen = line(invoice, position)
    left = _left(invoice)[chosen]
    cents = left * percent // 100 if left > 0 else -(-left * percent // 100)
    if not cents or status(invoice) != "finalized":
        return
    note = credit(invoice, {chosen: cents})
    if is_void:
        void_invoice(note.pk, actor=None, reason="Wrong")


def _check_trace(invoice: Invoice) -> None:
    originals = {found.pk: found for found in invoice.lines.all()}
    for id_, left in _left(invoice).items():
        low, high = sorted([0, originals[id_].amount_cents])
        assert low <= left <= high
    for note in invoice.corrections.all():
        lines = list(note.lines.all())
        assert note.total_cents == sum(taken.amount_cents for taken in lines)
        assert note.tax_cents == sum(taken.amount_cents for taken in lines if taken.kind == "tax")
        assert all(originals[taken.corrects_id or 0].kind == taken.kind for taken in lines)
    assert (status(invoice) == "credited") == (not any(_left(invoice).values()))
