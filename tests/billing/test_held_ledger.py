"""Held months that are computed again, in whatever order: in the end exactly what is due is billed, once."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from billing.models import Invoice, InvoiceLine
from billing.services.correcting import approve_invoice, reject_invoice, void_invoice
from billing.services.numbering import finalize_invoices
from common.clock import Month
from tests.billing.test_ledger import quick
from tests.factories.billing import earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.invoices import ISSUED_AT
from tests.factories.runs import bill_here, let_time_pass

FIRST = Month(2025, 3)
COUNT = 3
HELD = {"max_lines": 0}


@dataclass
class Earned:
    """A creator's month, as it is known from now on."""

    month: int
    cents: int


@dataclass
class Used:
    """A month's messages, as they are known from now on."""

    month: int
    quantity: int


@dataclass
class Run:
    """A run of a month: what is held is computed again."""

    month: int


@dataclass
class Decision:
    """What a person does to a month's document, where it can be done."""

    month: int
    verb: str


@dataclass
class Pause:
    """Days that go by."""

    days: int


months = st.integers(0, COUNT - 1)
events = st.one_of(
    st.builds(Earned, months, st.sampled_from([0, 500, 1_000, 1_500, -700])),
    st.builds(Used, months, st.integers(0, 9)),
    st.builds(Run, months),
    st.builds(Run, months),
    st.builds(Decision, months, st.sampled_from(["approve", "reject", "void"])),
    st.builds(Pause, st.sampled_from([2, 30])),
)


@dataclass
class Desk:
    """An organization whose every invoice is held, 20 % of one creator's earnings and a cent a message."""

    earned: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    used: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        plan = make_plan(base_fee_cents=100)
        self.meter = price_meter(plan, "messages", "1")
        self.organization = make_organization(plan, account=HELD)
        self.creator = make_creator(self.organization)

    def happen(self, event: Any) -> None:
        match event:
            case Earned(month, cents):
                self.earned[month] = cents
                for category, value in (("tips", max(cents, 0)), ("chargebacks", min(cents, 0))):
                    earn(self.creator, FIRST.plus(month), value, category)
            case Used(month, quantity):
                self.used[month] = quantity
                use(self.organization, self.meter, FIRST.plus(month), str(quantity))
            case Run(month):
                bill_here(FIRST.plus(month), self.organization.pk)
            case Decision(month, verb):
                self._decide(month, verb)
            case Pause(days):
                let_time_pass(days)

    def _decide(self, month: int, verb: str) -> None:
        wanted = Invoice.Status.FINALIZED if verb == "void" else Invoice.Status.HELD
        found = Invoice.objects.filter(month=FIRST.plus(month).first_day, status=wanted).first()
        if found is None:
            return
        decide = {"approve": approve_invoice, "reject": reject_invoice, "void": void_invoice}[verb]
        decide(found.pk, actor=None, reason="Looked at")
        if verb == "approve":
            finalize_invoices([found.pk], ISSUED_AT)

    def end(self) -> None:
        """Bill all months, and one more that settles what is left; approve all that is held."""
        for month in range(COUNT + 1):
            self.happen(Run(month))
        for month in range(COUNT + 1):
            self.happen(Decision(month, "approve"))
        # Figures of a month that was approved before the last run of the others are settled by one more.
        for month in (COUNT + 1, COUNT + 2):
            self.happen(Run(month))
            self.happen(Decision(month, "approve"))

    def list_due(self) -> dict[tuple[str, Month], int]:
        """What is due by all that is known, reckoned here and by nothing of ours."""
        due, deficit = {}, 0
        for month in range(COUNT):
            basis = self.earned[month] + deficit
            deficit = min(basis, 0)
            due["creator", FIRST.plus(month)] = max(basis, 0) * 20 // 100
            due["meter", FIRST.plus(month)] = self.used[month]
        return {key: cents for key, cents in due.items() if cents}

    @staticmethod
    def list_billed() -> dict[tuple[str, Month], int]:
        sums: dict[tuple[str, Month], int] = defaultdict(int)
        for line in InvoiceLine.objects.filter(invoice__number__isnull=False).exclude(invoice__status="void"):
            if line.creator_id or line.meter_id:
                sums["creator" if line.creator_id else "meter", Month.of(line.month)] += line.amount_cents
        return {key: cents for key, cents in sums.items() if cents}


def check(history: list[Any]) -> None:
    with transaction.atomic():
        desk = Desk()
        for event in history:
            desk.happen(event)
        desk.end()
        assert desk.list_billed() == desk.list_due()
        assert not Invoice.objects.filter(status__in=Invoice.UNISSUED).exists()
        transaction.set_rollback(True)


@pytest.mark.django_db
@quick
@given(st.lists(events, max_size=14))
def test_whatever_is_held_and_computed_again(history: list[Any]) -> None:
    check(history)


@pytest.mark.django_db
@pytest.mark.parametrize("days", [0, 3])
def test_an_adjustment_survives_that_both_months_are_computed_again(days: int) -> None:
    desk = Desk()
    for event in (Earned(0, 1_000), Run(0), Pause(days), Earned(0, 1_500), Run(1), Pause(days)):
        desk.happen(event)

    def list_lines(month: int) -> list[tuple[dt.date, str, int]]:
        lines = InvoiceLine.objects.filter(invoice__month=FIRST.plus(month).first_day, creator=desk.creator)
        return list(lines.order_by("position").values_list("month", "kind", "amount_cents"))

    march = FIRST.first_day
    settled = [(FIRST.plus(1).first_day, "commission", 0), (march, "adjustment", 100)]
    assert list_lines(1) == settled
    desk.happen(Run(0))
    assert list_lines(0) == [(march, "commission", 300), (march, "adjustment", -100)]
    desk.happen(Run(1))
    assert list_lines(1) == settled
    for month in (0, 1):
        desk.happen(Decision(month, "approve"))
    assert desk.list_billed() == {("creator", FIRST): 300}
