"""Random histories of one customer outside Stripe, against an account that is kept by other means."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import Invoice, Payment
from billing.selectors.customer_credit import get_credit
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.payments import record_payment, record_refund, reverse_payment
from common.errors import Permanent
from tests.factories.billing import AUGUST, make_organization
from tests.factories.invoices import ISSUED_AT, issue_lines

pytestmark = pytest.mark.django_db
_DAY = ISSUED_AT.date()


@dataclass
class Page:
    """What the account's book says of one document."""

    total: int
    used: int = 0
    asked: int = 0
    paid: int = 0
    taken_off: int = 0
    credited: int = 0
    refunded: int = 0
    is_dead: bool = False

    @property
    def off(self) -> int:
        """What credit notes take off what is asked: more of them where a payment that they gave back was reversed."""
        return max(self.taken_off, min(self.credited, self.total - self.used - self.paid))

    @property
    def excess(self) -> int:
        """What came in beyond what is due, or was given back of it."""
        beyond = self.paid + self.used + self.off - self.total
        return (beyond if self.is_dead else max(beyond, 0)) + self.credited - self.off


@dataclass
class Book:
    """A customer's account as a clerk keeps it: a pot of credit, and what each document still asks for."""

    pot: int = 0
    pages: list[Page] = field(default_factory=list)

    def issue(self, total: int) -> None:
        page = Page(total)
        if total > 0:
            page.used = min(self.pot, total)
            page.asked = total - page.used
            self.pot -= page.used
        else:
            self.pot -= total
        self.pages.append(page)

    def move(self, page: Page, cents: int) -> None:
        before = page.excess
        page.paid += cents
        page.asked = 0 if page.is_dead else max(page.total - page.used - page.off - page.paid, 0)
        self.pot += page.excess - before

    def refund(self, page: Page, cents: int) -> None:
        page.refunded += cents
        self.pot -= cents

    def credit(self, page: Page, cents: int) -> None:
        off = min(cents, page.asked)
        page.asked -= off
        page.taken_off += off
        page.credited += cents
        self.pot += cents - off
        page.is_dead = page.credited == page.total

    def void(self, page: Page) -> None:
        self.pot += page.used
        page.used, page.total, page.asked, page.is_dead = 0, 0, 0, True


@dataclass
class History:
    """The same, done to the customer."""

    organization: Organization
    book: Book = field(default_factory=Book)
    invoices: list[Invoice] = field(default_factory=list)
    payments: list[tuple[Payment, int]] = field(default_factory=list)

    def issue(self, _: int, cents: int) -> None:
        month = AUGUST.plus(len(self.invoices))
        self.invoices.append(issue_lines(cents, organization=self.organization, month=month))
        self.book.issue(cents)

    def pay(self, place: int, cents: int) -> None:
        fields = {"received_date": _DAY, "method": "cash", "reference": "", "actor": None, "accepts_excess": True}
        payment = record_payment(self.invoices[place].pk, amount_cents=abs(cents), **fields)  # type: ignore[arg-type]
        self.payments.append((payment, place))
        self.book.move(self.book.pages[place], abs(cents))

    def refund(self, place: int, cents: int) -> None:
        fields: dict[str, Any] = {"received_date": _DAY, "method": "cash", "reference": "", "actor": None}
        self.payments.append((record_refund(self.invoices[place].pk, amount_cents=abs(cents), **fields), place))
        self.book.refund(self.book.pages[place], abs(cents))
        assert self.book.pot >= 0

    def reverse(self, place: int, _: int) -> None:
        if not self.payments:
            return
        payment, place = self.payments[place % len(self.payments)]
        reverse_payment(payment.pk, reason="It bounced", actor=None)
        page = self.book.pages[place]
        if payment.kind == Payment.Kind.PAYMENT:
            self.book.move(page, -payment.amount_cents)
        else:
            self.book.refund(page, -payment.amount_cents)

    def credit(self, place: int, cents: int) -> None:
        invoice, page = self.invoices[place], self.book.pages[place]
        if page.total < 0:
            return
        taken = min(abs(cents), page.total - page.credited)
        credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT, amounts={invoice.lines.get().pk: taken})
        self.book.credit(page, taken)

    def void(self, place: int, _: int) -> None:
        void_invoice(self.invoices[place].pk, actor=None, reason="Wrong")
        page = self.book.pages[place]
        self.book.pot += min(page.total, 0)
        self.book.void(page)

    def check(self) -> None:
        pages, organization = self.book.pages, self.organization
        asked = [Invoice.objects.get(pk=invoice.pk).remaining_cents for invoice in self.invoices]
        credit = get_credit(organization.pk, "USD")
        assert (asked, credit) == ([page.asked for page in pages], self.book.pot)
        live = Invoice.objects.filter(organization=organization).exclude(status="void")
        moved = Payment.objects.filter(reversed_at=None)
        came = sum(payment.amount_cents for payment in moved if payment.kind == "payment")
        went = sum(payment.amount_cents for payment in moved if payment.kind == "refund")
        assert sum(asked) - credit == sum(document.total_cents for document in live) - came + went


deeds = st.lists(
    st.tuples(
        st.sampled_from(["issue", "issue", "pay", "pay", "refund", "reverse", "credit", "void"]),
        st.integers(0, 5),
        st.integers(-300, 900).filter(bool),
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(deeds)
def test_what_is_asked_less_credit_is_what_was_billed_less_what_came_in(done: list[tuple[str, int, int]]) -> None:
    with transaction.atomic():
        history = History(make_organization())
        history.issue(0, 500)
        for name, place, cents in done:
            try:
                with transaction.atomic():
                    getattr(history, name)(place % len(history.invoices), cents)
            except Permanent:
                # What is refused changes nothing, in the book neither.
                pass
            history.check()
        transaction.set_rollback(True)
