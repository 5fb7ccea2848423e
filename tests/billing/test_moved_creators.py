"""A creator that moved before it was billed: same facts, same bill, whatever else was void, rejected or credited."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceLine
from billing.pricing import Earnings, compute_commission
from billing.selectors.inputs import read_terms
from billing.services.correcting import credit_invoice, reject_invoice, void_invoice
from common.clock import Month
from onlyfans.models import CreatorAccount
from tests.factories.billing import earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT
from tests.factories.runs import bill_here, let_time_pass

pytestmark = pytest.mark.django_db
MAY, JUNE, JULY, AUGUST = (Month(2026, number) for number in (5, 6, 7, 8))
LONG_AGO = Month(2025, 11)
WIDE = {"max_total_cents": 10**12, "max_change_percent": 10**9}
SCARS = ["", "void", "rejected", "credited"]


def _scar(organization: Organization, how: str) -> None:
    """Leave behind a document of a month of long ago that counts for nothing."""
    if not how:
        return
    cap = 0 if how == "rejected" else WIDE["max_total_cents"]
    BillingAccount.objects.filter(organization=organization).update(max_total_cents=cap)
    bill_here(LONG_AGO, organization.pk)
    invoice = Invoice.objects.get(organization=organization, month=LONG_AGO.first_day)
    if how == "rejected":
        reject_invoice(invoice.pk, actor=None, reason="Wrong")
    elif how == "credited":
        credit_invoice(invoice.pk, actor=None, reason="Wrong", now=ISSUED_AT)
    else:
        void_invoice(invoice.pk, actor=None, reason="Wrong")
    BillingAccount.objects.filter(organization=organization).update(max_total_cents=WIDE["max_total_cents"])
    invoice.refresh_from_db()
    assert invoice.status == how


def _lines(organization: Organization, month: Month) -> list[tuple[str, Month, int]]:
    lines = InvoiceLine.objects.filter(invoice__organization=organization, invoice__month=month.first_day)
    return [(line.kind, Month.of(line.month), line.amount_cents) for line in lines.order_by("position")]


@pytest.mark.parametrize("days", [0, 30])
@pytest.mark.parametrize("scar", SCARS)
def test_its_new_organization_is_billed_for_what_nobody_was(scar: str, days: int) -> None:
    """Of June 2,000.00 at 20 %, of July 1,100.00: 620.00 in July's invoice, and nothing left for August's."""
    former, new = make_organization(), make_organization(make_plan(base_fee_cents=100), account=WIDE)
    _scar(new, scar)
    creator = make_creator(former)
    earn(creator, JUNE, 200_000)
    earn(creator, JULY, 110_000)
    let_time_pass(days)
    bill_here(JUNE, new.pk)
    let_time_pass(days)
    CreatorAccount.objects.update(organization=new)
    bill_here(JULY, new.pk)
    let_time_pass(days)
    bill_here(AUGUST, new.pk)
    assert _lines(new, JULY) == [
        ("base_fee", JULY, 100), ("commission", JULY, 22_000), ("adjustment", JUNE, 40_000),
    ]  # fmt: skip
    assert _lines(new, AUGUST) == [("base_fee", AUGUST, 100), ("commission", AUGUST, 0)]
    bill_here(JUNE, former.pk)
    assert _lines(former, JUNE) == []


@pytest.mark.parametrize("scar", SCARS)
def test_a_deficit_comes_along(scar: str) -> None:
    former, new = make_organization(), make_organization(make_plan(base_fee_cents=100), account=WIDE)
    _scar(new, scar)
    creator = make_creator(former)
    earn(creator, JUNE, -25_000, "chargebacks")
    earn(creator, JULY, 100_000)
    bill_here(JUNE, new.pk)
    let_time_pass(30)
    CreatorAccount.objects.update(organization=new)
    bill_here(JULY, new.pk)
    assert _lines(new, JULY) == [("base_fee", JULY, 100), ("commission", JULY, 15_000), ("adjustment", JUNE, 0)]


@pytest.mark.parametrize("scar", SCARS)
def test_a_month_in_which_the_new_organization_was_not_billed_is_left_to_its_run(scar: str) -> None:
    former, new = make_organization(), make_organization(make_plan(base_fee_cents=100), account=WIDE)
    _scar(new, scar)
    creator = make_creator(former)
    earn(creator, MAY, 300_000)
    earn(creator, JUNE, 200_000)
    bill_here(JUNE, new.pk)
    let_time_pass(30)
    CreatorAccount.objects.update(organization=new)
    bill_here(JULY, new.pk)
    assert ("adjustment", JUNE, 40_000) in _lines(new, JULY)
    assert MAY not in {month for _, month, _ in _lines(new, JULY)}
    bill_here(MAY, new.pk)
    assert ("commission", MAY, 60_000) in _lines(new, MAY)


@pytest.mark.parametrize("scar", SCARS)
def test_free_months_are_counted_from_the_date_that_holds_now(scar: str) -> None:
    organization = make_organization(make_plan(base_fee_cents=100, commission_free_months=1), account=WIDE)
    _scar(organization, scar)
    creator = make_creator(organization)
    earn(creator, JUNE, 200_000)
    bill_here(JUNE, organization.pk)
    let_time_pass(30)
    CreatorAccount.objects.update(created_at=JUNE.starts_at)
    bill_here(JULY, organization.pk)
    assert ("adjustment", JUNE, -40_000) in _lines(organization, JULY)


@dataclass
class Earned:
    creator: int
    month: int
    cents: int


@dataclass
class Moved:
    creator: int


@dataclass
class Billed:
    organization: int


FIRST, COUNT = MAY, 3
events = st.one_of(
    st.builds(Earned, st.integers(0, 1), st.integers(0, COUNT - 1), st.sampled_from([0, 7, 4_000, 90_000, -30_000])),
    st.builds(Moved, st.integers(0, 1)),
    st.builds(Billed, st.integers(0, 1)),
)
histories = st.lists(st.tuples(events, st.sampled_from([0, 0, 2, 30])), max_size=14)


class World:
    """Two organizations on one plan, and two creators who start in the first."""

    def __init__(self, scars: tuple[str, str]) -> None:
        plan = make_plan(((0, 2_000), (50_000, 1_000)), base_fee_cents=100)
        self.organizations = [make_organization(plan, account=WIDE) for _ in range(2)]
        for organization, how in zip(self.organizations, scars, strict=True):
            _scar(organization, how)
        self.creators = [make_creator(self.organizations[0]) for _ in range(2)]
        self.terms = read_terms([plan.pk])[plan.pk]
        self.next = [0, 0]

    def live_through(self, history: list[tuple[Any, int]]) -> None:
        for event, days in history:
            let_time_pass(days)
            match event:
                case Earned(creator, month, cents):
                    category = "tips" if cents >= 0 else "chargebacks"
                    earn(self.creators[creator], FIRST.plus(month), cents, category)
                case Moved(creator):
                    self._move(self.creators[creator])
                case Billed(organization) if self.next[organization] < COUNT:
                    self.bill(organization)
        for _ in range(COUNT + 1):
            for organization in range(2):
                self.bill(organization)

    def bill(self, organization: int) -> None:
        """Bill the next month; the one after the last, which comes in the end, settles what is left."""
        if self.next[organization] <= COUNT:
            bill_here(FIRST.plus(self.next[organization]), self.organizations[organization].pk)
            self.next[organization] += 1

    def _move(self, creator: CreatorAccount) -> None:
        there = self.organizations[1] if creator.organization == self.organizations[0] else self.organizations[0]
        try:
            with transaction.atomic():
                CreatorAccount.objects.filter(pk=creator.pk).update(organization=there)
        except IntegrityError:
            return
        creator.organization = there

    def list_lines(self) -> list[tuple[Any, ...]]:
        """All lines of all that counts, without what differs by chance."""
        ids = {creator.pk: place for place, creator in enumerate(self.creators)}
        lines = InvoiceLine.objects.filter(invoice__month__gte=FIRST.first_day).select_related("invoice")
        return sorted(
            (
                line.invoice.organization_id == self.organizations[0].pk, line.invoice.month, line.kind, line.month,
                ids.get(line.creator_id or 0, -1), line.amount_cents,
            )
            for line in lines
        )  # fmt: skip

    def check_sums(self) -> None:
        """Each creator's months come to what they would have come to with all known at once, with whom it is now."""
        for creator in self.creators:
            carried = 0
            for month in (FIRST.plus(place) for place in range(COUNT)):
                earned = sum(creator.earnings.filter(month=month.first_day).values_list("net_cents", flat=True))
                due = compute_commission(
                    self.terms, Earnings(earned, earned), Month.of(creator.created_at), month, carried
                )
                carried = due.carried_cents
                lines = InvoiceLine.objects.filter(creator=creator, month=month.first_day)
                assert sum(lines.values_list("amount_cents", flat=True)) == due.commission_cents
                assert set(lines.values_list("invoice__organization", flat=True)) <= {creator.organization_id}


def _lived(scars: tuple[str, str], history: list[tuple[Any, int]]) -> Iterator[World]:
    with transaction.atomic():
        world = World(scars)
        world.live_through(history)
        yield world
        transaction.set_rollback(True)


@settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate])
@given(histories, st.tuples(*[st.sampled_from(SCARS[1:])] * 2))
def test_what_counts_for_nothing_changes_nothing(history: list[tuple[Any, int]], scars: tuple[str, str]) -> None:
    found = []
    for marked in (("", ""), scars):
        for world in _lived(marked, history):
            world.check_sums()
            found.append(world.list_lines())
    assert found[0] == found[1]
