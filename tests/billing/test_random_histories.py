"""Random histories against an oracle: what we ask for is what Stripe asks for, to the cent, and no month is lost."""

import os
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import F
from pytest_django import Settings

from billing.models import BillingAccount, Invoice, StripeRecord
from tests.billing.histories.asking import Asking
from tests.billing.histories.books import StripeBooks
from tests.billing.histories.checks import find_faults
from tests.billing.histories.customers import MONTHS
from tests.billing.histories.history import History
from tests.billing.histories.months import find_forgotten_months, find_lost_months
from tests.outside import Outside

# So many customers' histories, from one seed on: `BILLING_HISTORIES=1000 BILLING_HISTORIES_FROM=40`. Each seed makes a
# world of so many customers. What was found and done is written to the report as well. People and runs act at the same
# time, so that one seed is not lived through twice alike: who wants to search starts it, and nobody else waits for it.
HISTORIES = int(os.environ.get("BILLING_HISTORIES", "0"))
FIRST_SEED = int(os.environ.get("BILLING_HISTORIES_FROM", "0"))
REPORT = os.environ.get("BILLING_HISTORIES_REPORT", "")
SIZE = 40
# Of so many worlds every month is billed once more, which must change nothing.
REPEATED = 0.25
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not HISTORIES, reason="Random histories are searched with BILLING_HISTORIES=1000."),
]


@pytest.fixture
def world(wired: Outside, settings: Settings) -> Iterator[Outside]:
    """Let the stand-in not check its own answers, and nobody wait for the disk: that takes most of the time."""
    settings.ONLYFANS_API_URL = ""
    connection_created.connect(_hurry)
    connection.close()
    yield wired
    connection_created.disconnect(_hurry)
    connection.close()


def _hurry(connection: BaseDatabaseWrapper, **_: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


def _empty(outside: Outside) -> None:
    outside.reset()
    outside.control("PUT", "/stripe/checks", answers=False)
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=False)


def see(outside: Outside) -> dict[str, Any]:
    """Return all money that is to be seen, here and in Stripe, and how often each e-mail came."""
    return {
        "invoices": list(Invoice.objects.exclude(number=None).order_by("pk").values()),
        "records": list(
            StripeRecord.objects.order_by("pk").values("pk", "state", "amount_paid_cents", "refunded_cents")
        ),
        "balances": list(BillingAccount.objects.order_by("pk").values("pk", "stripe_balance_cents")),
        "there": outside.list_objects("invoice") + outside.list_objects("credit_note"),
        "customers": outside.list_objects("customer"),
        "mails": {mail["message_id"]: mail["times_received"] for mail in outside.list_mails()},
    }


def check(history: History) -> list[str]:
    """List what is wrong with a history at rest."""
    books = StripeBooks(history.outside)
    return [*find_faults(history, books), *find_forgotten_months(history), *Asking(history, books).find_faults()]


def live(seed: int, outside: Outside, size: int, steps: int = 0) -> History:
    """Live through one seed's history; what is found wrong is kept with it."""
    history = History(seed, outside, size)
    try:
        history.live(steps or history.random.randrange(4, 8))
        history.come_to_rest()
        history.faults += [f"At rest: {fault}" for fault in check(history)]
        history.settle()
        history.bill_all()
        history.come_to_rest()
        history.faults += [f"At the end: {fault}" for fault in [*check(history), *find_lost_months(history)]]
        if history.random.random() < REPEATED:
            before = see(outside)
            history.bill_all(again=True)
            history.come_to_rest()
            if (after := see(outside)) != before:
                history.fault(f"Billing once more changes {[name for name in before if before[name] != after[name]]}")
            history.done["world billed once more"] += 1
    except Exception:
        history.fault(traceback.format_exc())
    return history


def _report(name: str, *lines: str) -> None:
    if REPORT:
        with Path(f"{REPORT}.{name}").open("a") as report:
            report.writelines(f"{line}\n" for line in lines)


def test_random_histories(world: Outside) -> None:
    """As many customers as wanted, each seed's in an empty world."""
    told, left, seed = [], HISTORIES, FIRST_SEED
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    while left > 0:
        begun = time.monotonic()
        _empty(world)
        history = live(seed, world, min(SIZE, left))
        took = f"{time.monotonic() - begun:.1f} s"
        _report("progress", f"seed {seed}: {min(SIZE, left)} histories, {took}, {len(history.faults)} faults")
        done, refused = done + history.done, refused + history.refused
        if history.faults:
            told.append("\n".join([f"SEED {seed}", *history.log, "FAULTS:", *history.faults]))
            _report("faults", told[-1], "")
        left, seed = left - SIZE, seed + 1
    _report("done", *(f"{count} {what}" for what, count in done.most_common()))
    _report("refused", *(f"{count} {what}" for what, count in refused.most_common()))
    assert not told, "\n\n".join(told)


def test_the_oracle_finds_an_amount_a_payment_and_a_month_that_are_wrong(world: Outside) -> None:
    """Spoil a sound history in each way, one at a time."""
    _empty(world)
    history = live(0, world, 8, steps=1)
    assert not history.faults, "\n".join([*history.log, *history.faults])
    in_stripe = [customer.id for customer in history.customers if customer.in_stripe]
    owed = Invoice.objects.filter(organization__in=in_stripe, status="finalized", remaining_cents__gt=0)
    asked = owed.order_by("pk").first()
    assert asked
    with undone():
        Invoice.objects.filter(pk=asked.pk).update(remaining_cents=F("remaining_cents") + 1)
        assert_found(check(history), f"{asked} of {asked.organization_id}", f"we ask for {asked.remaining_cents + 1}")
        assert_found(check(history), "Outstanding is shown as")
    with undone():
        Invoice.objects.filter(pk=asked.pk).update(status=Invoice.Status.VOID, remaining_cents=0)
        assert_found(find_lost_months(history), f"{asked.organization_id} has 0 live invoices of {asked.period}")
    ledger, number = next((one.ledger, name) for one in history.customers for name in one.ledger.documents)
    ledger.documents[number].paid += 100
    assert_found(check(history), f"{number} of", "owed is")
    ledger.documents[number].paid -= 100
    creator = next(creator for customer in history.customers for creator in customer.creators)
    history.earned[creator.pk, MONTHS[0]] = (10_000_000, 10_000_000)
    assert_found(find_lost_months(history), f"creator {creator.pk}", "is billed")


@contextmanager
def undone() -> Iterator[None]:
    """Take back what the block writes."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_found(faults: Iterable[str], *words: str) -> None:
    """Expect one fault that says all of it."""
    found = list(faults)
    assert any(all(word in fault for word in words) for fault in found), found
