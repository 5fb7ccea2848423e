"""What people do while a run computes takes turns with it, by the lock on the billing account; and what if it did not.

One computes in a thread and is stopped behind a statement. Somebody else acts in another, on a connection of its own,
until it has acted or waits for a lock; then the first one goes on.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest
from django.db import InternalError, connection, connections, transaction
from django.db.utils import IntegrityError

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, InvoiceAction
from billing.services.computing import compute_invoices
from billing.services.correcting import approve_invoice, credit_invoice, reject_invoice, void_invoice
from billing.services.numbering import finalize_invoices
from billing.services.parking import park_account
from common.clock import Month, now
from common.errors import Permanent
from common.sql import find_folder
from onlyfans.models import CreatorAccount
from tests.factories.billing import AUGUST, earn, make_creator, make_organization
from tests.factories.invoices import make_invoice
from tests.factories.runs import bill_here

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = "FOR UPDATE OF account"
# Behind these the accounts' figures, or the earlier invoices, have been read, and what is billed has not.
FIGURES, FORMER = 'FROM "billing_plan"', "JOIN billing_planterms terms"
GUARD = (find_folder("billing") / "functions" / "billing_keep_creator.sql").read_text()


class Meeting:
    """Stops whoever computes behind a statement, lets somebody act, and waits until they have or can't."""

    def __init__(self, behind: str) -> None:
        self.behind, self.reached, self.go_on = behind, Event(), Event()

    def compute(self, organization: Organization, month: Month) -> None:
        """Compute and number a month as a run does, each in a transaction of its own."""
        try:
            with connection.execute_wrapper(self._stop), transaction.atomic():
                computed = compute_invoices([organization.pk], month, run_id=None)
            with transaction.atomic():
                finalize_invoices([draft.id for draft in computed.drafts.values()], now())
        finally:
            self.reached.set()
            connections.close_all()

    def _stop(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if self.behind in sql and not self.reached.is_set():
            self.reached.set()
            assert self.go_on.wait(20)
        return answer

    def act(self, deed: Callable[[], Any], *, locks: bool) -> None:
        """Do what a person does, with the lock or without."""
        try:
            with ExitStack() as stack:
                if not locks:
                    stack.enter_context(connection.execute_wrapper(_strip))
                deed()
        finally:
            connections.close_all()


def _strip(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    return execute(sql.replace(LOCK, ""), params, many, context)


def meet(organization: Organization, month: Month, behind: str, deed: Callable[[], Any], *, locks: bool) -> str:
    """Let somebody act in the midst of a computation; return what they were told, nothing if they could."""
    meeting = Meeting(behind)
    with ThreadPoolExecutor(2) as pool:
        computing = pool.submit(meeting.compute, organization, month)
        assert meeting.reached.wait(20)
        acting = pool.submit(meeting.act, deed, locks=locks)
        while not acting.done() and not _is_anybody_waiting():
            time.sleep(0.02)
        assert acting.done() is not locks, "with the lock they wait, without it they don't"
        meeting.go_on.set()
        computing.result(20)
        try:
            acting.result(20)
        except (Permanent, IntegrityError, InternalError) as error:
            return str(error)
    return ""


def _is_anybody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND "
            "wait_event_type = 'Lock')"
        )
        return bool(cursor.fetchone()[0])


@pytest.fixture
def held() -> Invoice:
    """An invoice over 20.01, held for more than 20.00."""
    organization = make_organization(account={"max_total_cents": 2_000})
    earn(make_creator(organization), AUGUST, 10_005)
    bill_here(AUGUST, organization.pk)
    return Invoice.objects.get()


def see(invoice: Invoice) -> tuple[str, bool, int]:
    """Its status, whether it has a number, and how often somebody decided about it."""
    invoice.refresh_from_db()
    return invoice.status, invoice.number is not None, InvoiceAction.objects.filter(invoice=invoice).count()


def reject(invoice: Invoice) -> Callable[[], Any]:
    return lambda: reject_invoice(invoice.pk, actor=None, reason="A typing error")


def approve(invoice: Invoice) -> Callable[[], Any]:
    seen = invoice.seen_mark
    return lambda: approve_invoice(invoice.pk, actor=None, reason="A good month", seen=seen)


# Decisions about what is held


def test_what_is_rejected_while_it_is_computed_again_stays_rejected(held: Invoice) -> None:
    assert meet(held.organization, AUGUST, FIGURES, reject(held), locks=True) == ""
    assert see(held) == ("rejected", False, 1)


def test_what_is_held_no_more_can_not_be_rejected(held: Invoice) -> None:
    earn(CreatorAccount.objects.get(), AUGUST, 10_000)
    told = meet(held.organization, AUGUST, FIGURES, reject(held), locks=True)
    status, has_number, decisions = see(held)
    assert "is not held but" in told
    assert (has_number or status == "draft", decisions) == (True, 0)


def test_without_the_lock_a_rejected_invoice_is_issued(held: Invoice) -> None:
    earn(CreatorAccount.objects.get(), AUGUST, 10_000)
    assert meet(held.organization, AUGUST, FIGURES, reject(held), locks=False) == ""
    assert see(held) == ("finalized", True, 1)


def test_what_is_approved_while_it_is_computed_again_is_looked_at_again(held: Invoice) -> None:
    told = meet(held.organization, AUGUST, FIGURES, approve(held), locks=True)
    assert "was computed anew since you opened this page" in told
    assert see(held) == ("held", False, 0)


def test_without_the_lock_an_approved_invoice_is_held_again(held: Invoice) -> None:
    assert meet(held.organization, AUGUST, FIGURES, approve(held), locks=False) == ""
    assert see(held) == ("held", False, 1)


# Corrections of a month while a later one is computed


def void(invoice: Invoice) -> None:
    void_invoice(invoice.pk, actor=None, reason="Wrong")


def credit(invoice: Invoice) -> None:
    credit_invoice(invoice.pk, actor=None, reason="Wrong", now=now())


@pytest.fixture
def issued() -> Invoice:
    """August, issued over 200.20; a dollar came late, of which 20 % are due."""
    organization = make_organization(account={"max_change_percent": 10**6})
    creator = make_creator(organization)
    earn(creator, AUGUST, 100_100)
    invoice = make_invoice(organization)
    assert invoice.total_cents == 20_020
    earn(creator, AUGUST, 100_200)
    return invoice


def list_adjustments(invoice: Invoice) -> list[int]:
    lines = Invoice.objects.get(month=AUGUST.plus(1).first_day, organization=invoice.organization_id).lines
    return list(lines.filter(kind="adjustment").values_list("amount_cents", flat=True))


@pytest.mark.parametrize("take_back", [void, credit])
def test_what_is_taken_back_between_two_reads_is_not_billed_again(
    issued: Invoice, take_back: Callable[[Invoice], None]
) -> None:
    assert meet(issued.organization, AUGUST.plus(1), FORMER, lambda: take_back(issued), locks=True) == ""
    assert list_adjustments(issued) == [20]


@pytest.mark.parametrize("take_back", [void, credit])
def test_without_the_lock_it_is_billed_again_as_an_adjustment(
    issued: Invoice, take_back: Callable[[Invoice], None]
) -> None:
    assert meet(issued.organization, AUGUST.plus(1), FORMER, lambda: take_back(issued), locks=False) == ""
    assert list_adjustments(issued) == [20_040]


# Parking


def test_who_is_parked_while_a_month_is_computed_gets_nothing_issued_after_that(issued: Invoice) -> None:
    account = BillingAccount.objects.get()
    with transaction.atomic():
        computed = compute_invoices([issued.organization_id], AUGUST.plus(1), run_id=None)
    park_account(account.pk, actor=None, reason="Dispute")
    ids = [draft.id for draft in computed.drafts.values()]
    assert finalize_invoices(ids, now()) == {}
    credit(issued)
    assert Invoice.objects.get(corrects=issued).number is not None, "what corrects an issued one is issued"


# Moving a creator


@pytest.fixture
def unlocked_moves() -> Iterator[None]:
    """Take the lock out of the trigger that watches moves."""
    with connection.cursor() as cursor:
        unlocked = re.sub(r"PERFORM 1 FROM billing_billingaccount[^;]*FOR UPDATE;", "", GUARD)
        assert unlocked != GUARD
        cursor.execute(unlocked)
        yield
        cursor.execute(GUARD)


def move(creator: CreatorAccount, to: Organization) -> Callable[[], Any]:
    return lambda: CreatorAccount.objects.filter(pk=creator.pk).update(organization=to)


def bill_both_while_moving(*, locks: bool) -> tuple[str, list[int]]:
    one, other = make_organization(), make_organization()
    creator = make_creator(one)
    earn(creator, AUGUST, 10_000)
    told = meet(one, AUGUST, FIGURES, move(creator, other), locks=locks)
    bill_here(AUGUST, other.pk)
    return told, list(Invoice.objects.exclude(total_cents=0).values_list("total_cents", flat=True))


def test_who_moves_a_creator_waits_and_sees_that_it_was_billed() -> None:
    told, billed = bill_both_while_moving(locks=True)
    assert "was billed to" in told
    assert billed == [2_000]


def test_without_the_lock_a_creator_is_billed_twice(unlocked_moves: None) -> None:
    told, billed = bill_both_while_moving(locks=False)
    assert (told, billed) == ("", [2_000, 2_000])
