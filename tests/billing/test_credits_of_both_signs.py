"""Credits on lines of both signs: never more than what is left of the total, never of the wrong sign, never zero."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.models import Invoice, InvoiceAction
from billing.services.correcting import credit_invoice, supersede_invoices, void_invoice
from common.errors import Permanent
from jobs.models import JobRun
from tests.factories.billing import AUGUST
from tests.factories.invoices import ISSUED_AT, issue_lines
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db


def _credit(invoice: Invoice, amounts: dict[int, int] | None = None) -> Invoice:
    """Credit cents by position of the line; all that is left without any."""
    ids = {line.position: line.pk for line in invoice.lines.all()}
    chosen = None if amounts is None else {ids[position]: cents for position, cents in amounts.items()}
    return credit_invoice(invoice.pk, actor=None, reason="Agreed", now=ISSUED_AT, amounts=chosen)


def _figures(document: Invoice) -> tuple[str, int, int, int]:
    return document.kind, document.subtotal_cents, document.tax_cents, document.total_cents


def _status(invoice: Invoice) -> str:
    return Invoice.objects.get(pk=invoice.pk).status


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (
            {1: 10_000},
            "These amounts come to USD 100.00 before tax, but only USD 10.00 is left of INV-2026-000001: enter less, "
            "or credit all that is left.",
        ),
        (
            {2: -9_000},
            "These amounts come to -USD 90.00, which would add to INV-2026-000001 instead of crediting it: credit "
            "lines that come to USD 10.00 at most, before tax.",
        ),
        (
            {1: 5_000, 2: -5_000},
            "These amounts cancel each other out, so there is nothing to credit: change or leave out one of them.",
        ),
    ],
)
@pytest.mark.parametrize("rate", [0, 2_000])
def test_no_note_exceeds_its_invoice_or_has_its_sign(amounts: dict[int, int], said: str, rate: int) -> None:
    invoice = issue_lines(10_000, -9_000, tax_rate_bps=rate)
    with pytest.raises(Permanent) as raised:
        _credit(invoice, amounts)
    assert raised.value.message == said
    wished = {f"line_{invoice.lines.get(position=place).pk}": cents / 100 for place, cents in amounts.items()}
    page = log_in("Finance").post(
        reverse("admin:billing_invoice_credit", args=[invoice.pk]),
        {"scope": "lines", "reason": "Agreed", "token": "7d6b2b1e-3a43-4c19-9b8e-0f2c5f8f4b11", **wished},
    )
    assert said in page.content.decode()
    assert (Invoice.objects.count(), InvoiceAction.objects.count(), JobRun.objects.count()) == (1, 0, 0)
    assert _status(invoice) == "finalized"


def test_what_is_left_of_the_total_can_be_taken_from_one_line() -> None:
    invoice = issue_lines(10_000, -9_000, tax_rate_bps=2_000)
    assert _figures(_credit(invoice, {1: 400})) == ("credit_note", -400, -80, -480)
    assert _status(invoice) == "finalized"
    assert _figures(_credit(invoice, {1: 600})) == ("credit_note", -600, -120, -720)
    assert _status(invoice) == "credited"


def test_lines_of_both_signs_can_be_credited_together() -> None:
    invoice = issue_lines(10_000, -9_000, tax_rate_bps=2_000)
    assert _figures(_credit(invoice, {1: 9_500, 2: -9_000})) == ("credit_note", -500, -100, -600)
    assert _figures(_credit(invoice)) == ("credit_note", -500, -100, -600)
    assert _status(invoice) == "credited"


def test_a_month_s_credit_note_is_taken_back_up_to_its_total() -> None:
    month = issue_lines(-10_000, 9_000, tax_rate_bps=2_000)
    assert _figures(month) == ("credit_note", -1_000, -200, -1_200)
    for amounts in ({1: -10_000}, {2: 9_000}, {1: -9_000, 2: 9_000}):
        with pytest.raises(Permanent):
            _credit(month, amounts)
    assert _figures(_credit(month, {1: -400})) == ("invoice", 400, 80, 480)
    assert _figures(_credit(month)) == ("invoice", 600, 120, 720)
    assert _status(month) == "credited"


@pytest.mark.parametrize("status", ["finalized", "paid"])
def test_lines_that_cancel_each_other_out_leave_nothing_to_credit(status: str) -> None:
    invoice = issue_lines(10_000, -10_000, tax_rate_bps=2_000)
    Invoice.objects.update(status=status)
    for amounts in (None, {1: 10_000}, {1: 100, 2: -100}):
        with pytest.raises(Permanent, match="There is nothing left to credit on INV-2026-000001"):
            _credit(invoice, amounts)
    run = JobRun.objects.create(job="monthly-billing", trigger=JobRun.Trigger.COMMAND, reason="Wrong")
    supersede_invoices([invoice.organization_id], AUGUST, run=run, now=ISSUED_AT)
    assert (_status(invoice), Invoice.objects.count()) == ("void", 1)


@dataclass
class Book:
    """An invoice as plain numbers, reckoned without any of the code under test."""

    lines: list[int]
    rate: int
    notes: list[tuple[dict[int, int], int]] = field(default_factory=list)

    def round(self, cents: int) -> int:
        return int((Decimal(cents) * self.rate / 10_000).quantize(Decimal(1), ROUND_HALF_EVEN))

    @property
    def sign(self) -> int:
        return 1 if sum(self.lines) > 0 else -1

    def left(self) -> list[int]:
        return [cents - sum(note.get(place, 0) for note, _ in self.notes) for place, cents in enumerate(self.lines)]

    def tax_left(self) -> int:
        return self.round(sum(self.lines)) - sum(tax for _, tax in self.notes)

    def allows(self, note: dict[int, int]) -> bool:
        left, wished = self.left(), sum(note.values())
        rest = sum(left) * self.sign
        return rest > 0 and 0 < wished * self.sign <= rest

    def tax_of(self, note: dict[int, int]) -> int:
        wished = sum(note.values())
        if wished == sum(self.left()):
            return self.tax_left()
        return self.sign * min(self.round(wished) * self.sign, self.tax_left() * self.sign)


# Which lines, how much in percent of what is left of each, and whether the note is voided afterwards.
wishes = st.lists(
    st.tuples(st.dictionaries(st.integers(0, 4), st.integers(1, 100), min_size=1, max_size=3), st.booleans()),
    max_size=7,
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(-900, 900), min_size=1, max_size=5).filter(sum),
    st.sampled_from([0, 700, 1_900, 10_000]),
    wishes,
)
def test_any_credits_agree_with_an_account_of_their_own(
    cents: list[int], rate: int, wished: list[tuple[dict[int, int], bool]]
) -> None:
    with transaction.atomic():
        book, invoice = Book(cents, rate), issue_lines(*cents, tax_rate_bps=rate)
        for percents, is_void in wished:
            left = book.left()
            shares = {p: abs(left[p]) * percent // 100 for p, percent in percents.items() if p < len(cents)}
            note = {place: share if left[place] > 0 else -share for place, share in shares.items() if share}
            if note and book.tax_left() + sum(left):
                _try_to_credit(book, invoice, note, is_void=is_void)
        if sum(book.left()):
            rest = _credit(invoice)
            assert (rest.subtotal_cents, rest.tax_cents) == (-sum(book.left()), -book.tax_left())
        stands = list(Invoice.objects.exclude(status="void"))
        assert sum(document.subtotal_cents for document in stands) == 0
        assert sum(document.tax_cents for document in stands) == 0
        assert _status(invoice) == "credited"
        with pytest.raises(Permanent):
            _credit(invoice)
        transaction.set_rollback(True)


def _try_to_credit(book: Book, invoice: Invoice, note: dict[int, int], *, is_void: bool) -> None:
    before = Invoice.objects.count()
    amounts = {place + 1: cents for place, cents in note.items()}
    if not book.allows(note):
        with pytest.raises(Permanent):
            _credit(invoice, amounts)
        assert Invoice.objects.count() == before
        return
    issued, tax = _credit(invoice, amounts), book.tax_of(note)
    assert (issued.subtotal_cents, issued.tax_cents) == (-sum(note.values()), -tax)
    assert issued.total_cents * book.sign < 0
    assert issued.kind == ("credit_note" if book.sign > 0 else "invoice")
    if is_void:
        void_invoice(issued.pk, actor=None, reason="Wrong")
        assert _status(invoice) == ("finalized" if book.sign > 0 else "paid")
        return
    book.notes.append((note, tax))
    assert (_status(invoice) == "credited") == (sum(book.left()) + book.tax_left() == 0)
