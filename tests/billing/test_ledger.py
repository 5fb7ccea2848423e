"""Whatever arrives late, and however often a month is billed anew: in the end exactly what is due is billed."""

import datetime as dt
import os
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import CommissionStatement, Invoice, InvoiceLine, UsageHour
from billing.pricing import Earnings, compute_commission, compute_usage
from billing.selectors.inputs import read_terms
from billing.services.correcting import credit_invoice, void_invoice
from common.clock import Month, now
from tests.factories.billing import earn, make_creator, make_organization, make_plan, price_meter, use
from tests.factories.runs import bill_anew_here, bill_here, let_time_pass

FIRST = Month(2025, 3)
COUNT = 4
MONTHS = [FIRST.plus(number) for number in range(COUNT)]
WIDE = {"max_total_cents": 10**12, "max_change_percent": 10**9, "max_lines": 10_000}

Amounts = dict[tuple[str, int, Month], int]
# `LEDGER_EXAMPLES=500` looks further, at examples that differ each time, and makes what it finds small.
_wished = os.environ.get("LEDGER_EXAMPLES")
quick = settings(
    max_examples=int(_wished or 8),
    derandomize=not _wished,
    phases=[Phase.generate, Phase.shrink] if _wished else [Phase.generate],
    deadline=None,
    database=None,
)


@dataclass
class Earned:
    """A category's month of a creator, as it is known from now on."""

    creator: int
    month: int
    category: str
    gross: int


@dataclass
class Used:
    """An hour's usage, as it is known from now on."""

    month: int
    hour: int
    quantity: int


@dataclass
class Anew:
    """An issued month that is billed anew."""

    month: int
    way: str


@dataclass
class Turn:
    """What happens before a month is billed, and how many days go by."""

    month: int
    events: list[Any] = field(default_factory=list)
    days: int = 0


amounts = st.sampled_from([0, 3, 1_250, 5_000, 40_000])
earned = st.one_of(
    st.builds(Earned, st.integers(0, 1), st.integers(0, COUNT - 1), st.sampled_from(["tips", "posts"]), amounts),
    st.builds(
        Earned, st.integers(0, 1), st.integers(0, COUNT - 1), st.just("chargebacks"), amounts.map(lambda cents: -cents)
    ),
)
used = st.builds(Used, st.integers(0, COUNT - 1), st.sampled_from([0, 671]), st.integers(0, 60))
anew = st.builds(Anew, st.integers(0, COUNT - 1), st.sampled_from(["void", "credit", "regenerate"]))


def histories(events: st.SearchStrategy[Any], *, in_order: bool = True) -> st.SearchStrategy[list[Turn]]:
    """Make histories in which each month is billed once, between events of all kinds."""
    order = st.just(list(range(COUNT))) if in_order else st.permutations(range(COUNT))
    turn = st.tuples(st.lists(events, max_size=5), st.sampled_from([0, 2, 30]))
    turns = st.lists(turn, min_size=COUNT + 1, max_size=COUNT + 1)
    return st.builds(
        lambda months, parts: [
            Turn(month, list(happened), days) for month, (happened, days) in zip([*months, COUNT], parts, strict=True)
        ],
        order,
        turns,
    )


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Terms of every shape: where brackets begin, what they charge, what bounds the charge."""
    starts = draw(st.lists(st.sampled_from([0, 100, 5_000, 20_000]), min_size=1, max_size=3, unique=True))
    return {
        "brackets": tuple((start, draw(st.sampled_from([0, 333, 1000, 2000, 10_000]))) for start in sorted(starts)),
        "commission_basis": draw(st.sampled_from(["gross", "net"])),
        "commission_free_months": draw(st.sampled_from([0, 0, 1, 3])),
        "minimum_commission_cents": draw(st.sampled_from([0, 0, 700])),
        "maximum_commission_cents": draw(st.sampled_from([None, None, 700, 2_000])),
        "base_fee_cents": draw(st.sampled_from([0, 4_900])),
        "issue_zero_invoices": draw(st.booleans()),
    }


class Ledger:
    """One organization of two creators and a meter."""

    def __init__(self, plan: dict[str, Any], created: tuple[int, int]) -> None:
        self.plan = make_plan(**plan)
        self.meter = price_meter(self.plan, "messages", "0.5", "10")
        self.organization: Organization = make_organization(self.plan, account={"tax_rate_bps": 1900, **WIDE})
        self.creators = [
            make_creator(self.organization, created_at=FIRST.plus(months).starts_at + dt.timedelta(days=9))
            for months in created
        ]
        self.terms = read_terms([self.plan.pk])[self.plan.pk]

    def live_through(self, history: list[Turn]) -> None:
        """Let things happen, billing the months in their turn; the last turn's month settles what is left."""
        for turn in history:
            for event in turn.events:
                self._happen(event)
            let_time_pass(turn.days)
            self.bill(turn.month)

    def bill(self, month: int) -> None:
        bill_here(FIRST.plus(month), self.organization.pk)

    def _happen(self, event: Earned | Used | Anew) -> None:
        match event:
            case Earned(creator, month, category, gross):
                earn(self.creators[creator], MONTHS[month], gross, category, gross - gross // 5)
            case Used(month, hour, quantity):
                use(self.organization, self.meter, MONTHS[month], str(quantity), hour)
            case Anew(month, way):
                self._bill_anew(MONTHS[month], way)

    def _bill_anew(self, month: Month, way: str) -> None:
        invoice = Invoice.objects.filter(month=month.first_day, corrects=None, status__in=Invoice.ISSUED).first()
        if invoice is None:
            return
        if way == "void":
            void_invoice(invoice.pk, actor=None, reason="Wrong")
        elif way == "credit" and invoice.total_cents > 0:
            credit_invoice(invoice.pk, actor=None, reason="Wrong", now=now())
        bill_anew_here(month, self.organization.pk)

    def list_due(self) -> Amounts:
        """What is due by all that is known, computed in one go."""
        due: Amounts = {}
        for creator in self.creators:
            carried = 0
            for month in MONTHS:
                rows = creator.earnings.filter(month=month.first_day).values_list("gross_cents", "net_cents")
                earnings = Earnings(sum(row[0] for row in rows), sum(row[1] for row in rows))
                result = compute_commission(self.terms, earnings, Month.of(creator.created_at), month, carried)
                carried = result.carried_cents
                due["creator", creator.pk, month] = result.commission_cents
        for month in MONTHS:
            hours = UsageHour.objects.filter(meter=self.meter, hour__gte=month.starts_at, hour__lt=month.ends_at)
            quantity = sum(hours.values_list("quantity", flat=True), Decimal(0))
            due["meter", self.meter.pk, month] = compute_usage(self.terms.usage_prices[0], quantity, "USD").amount_cents
        return {key: amount for key, amount in due.items() if amount}

    def list_billed(self) -> Amounts:
        """What the documents that stand bill for each creator's or meter's month."""
        sums: Amounts = defaultdict(int)
        for line in InvoiceLine.objects.exclude(invoice__status="void").exclude(creator=None, meter=None):
            subject = ("creator", line.creator_id) if line.creator_id else ("meter", line.meter_id or 0)
            sums[*subject, Month.of(line.month)] += line.amount_cents
        return {key: amount for key, amount in sums.items() if amount}

    def check(self) -> None:
        assert self.list_billed() == self.list_due()
        documents = Invoice.objects.exclude(status="void")
        fees = self.plan.base_fee_cents * (COUNT + 1)
        assert sum(documents.values_list("subtotal_cents", flat=True)) == sum(self.list_due().values()) + fees
        self._check_documents()
        self._check_statements()
        self._check_that_nothing_is_left()

    def _check_documents(self) -> None:
        for invoice in Invoice.objects.all():
            lines = list(invoice.lines.values_list("kind", "amount_cents"))
            assert invoice.total_cents == sum(cents for _, cents in lines)
            assert invoice.tax_cents == sum(cents for kind, cents in lines if kind == "tax")
        live = Invoice.objects.filter(corrects=None).exclude(status__in=Invoice.DEAD)
        months = sorted(live.values_list("month", flat=True))
        assert months == [month.first_day for month in [*MONTHS, FIRST.plus(COUNT)]]

    def _check_statements(self) -> None:
        """The summary on the creator's record says what was billed in the end."""
        due = self.list_due()
        for statement in CommissionStatement.objects.filter(month__lt=FIRST.plus(COUNT).first_day):
            key = "creator", statement.creator_id, Month.of(statement.month)
            assert statement.commission_cents == due.get(key, 0)

    def _check_that_nothing_is_left(self) -> None:
        """Billing all months again, and one more, finds nothing to add."""
        for month in range(COUNT + 1):
            self.bill(month)
        assert self.list_billed() == self.list_due()
        self.bill(COUNT + 1)
        added = InvoiceLine.objects.filter(invoice__month=FIRST.plus(COUNT + 1).first_day, kind="adjustment")
        assert not added.exists(), list(added.values("description", "amount_cents"))


def check_in_the_end(plan: dict[str, Any], created: tuple[int, int], history: list[Turn]) -> None:
    with transaction.atomic():
        ledger = Ledger(plan, created)
        ledger.live_through(history)
        ledger.check()
        transaction.set_rollback(True)


creation = st.tuples(st.sampled_from([-5, -1, 0, 2]), st.sampled_from([-5, -5, 1]))


@pytest.mark.django_db
@quick
@given(plans(), creation, histories(earned | used))
def test_late_data_end_as_if_all_had_been_there_at_once(
    plan: dict[str, Any], created: tuple[int, int], history: list[Turn]
) -> None:
    check_in_the_end(plan, created, history)


@pytest.mark.django_db
@quick
@given(plans(), creation, histories(earned | used | anew))
def test_months_billed_anew_end_as_if_billed_once(
    plan: dict[str, Any], created: tuple[int, int], history: list[Turn]
) -> None:
    check_in_the_end(plan, created, history)


@pytest.mark.django_db
@quick
@given(plans(), creation, histories(earned | used | anew, in_order=False))
def test_months_billed_out_of_turn_end_as_if_billed_in_turn(
    plan: dict[str, Any], created: tuple[int, int], history: list[Turn]
) -> None:
    check_in_the_end(plan, created, history)
