"""Whatever order Stripe's events come in, in whatever parts and however often: the same state in the end."""

import copy
import datetime as dt
import os
import random
from collections.abc import Sequence
from functools import reduce
from typing import Any

import pytest
from django.db import transaction
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from billing.models import StripeEvent, StripeRecord
from billing.providers.stripe_events import STATES, InvoiceFacts
from billing.services.correcting import credit_invoice
from billing.services.events import process_events
from billing.services.events.looking import take_ticket, write_seen
from billing.services.pacing import open_stripe
from tests.factories.events import Event, happen, list_events, look_around, make_sent, take
from tests.factories.invoices import ISSUED_AT
from tests.outside import Outside

# `EVENT_EXAMPLES=500` looks further, at examples that differ each time.
_wished = os.environ.get("EVENT_EXAMPLES")
quick = settings(
    max_examples=int(_wished or 8), derandomize=not _wished, phases=[Phase.generate], deadline=None, database=None
)

moments = st.integers(0, 5).map(lambda day: dt.datetime(2026, 9, 1 + day, tzinfo=dt.UTC))
facts = st.builds(
    InvoiceFacts,
    state=st.sampled_from(STATES),
    is_credited=st.booleans(),
    amount_paid_cents=st.integers(0, 3),
    paid_at=st.none() | moments,
    attempts=st.integers(0, 3),
    failure=st.none() | st.tuples(st.integers(1, 3), moments),
)


@given(st.lists(facts, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(derandomize=True, database=None)
def test_joining_knows_no_order_and_no_repetition(known: list[InvoiceFacts], chance: random.Random) -> None:
    once = reduce(InvoiceFacts.join, known)
    again = known + chance.choices(known, k=len(known))
    chance.shuffle(again)
    assert reduce(InvoiceFacts.join, again) == once
    half = len(again) // 2
    parts = [reduce(InvoiceFacts.join, part, InvoiceFacts()) for part in (again[:half], again[half:])]
    assert parts[0].join(parts[1]) == once.join(InvoiceFacts())


class Street:
    """Invoices with every fate there is, and all that Stripe told of them."""

    def __init__(self, outside: Outside) -> None:
        outside.control("PUT", "/stripe/checks", answers=False)
        self.ids = [make_sent() for _ in range(7)]
        paid, failed, refunded, disputed, written_off, voided, credited = (stripe_id for _, stripe_id in self.ids)
        for stripe_id in (failed, refunded, failed, paid, disputed):
            happen(outside, stripe_id, "fail", payment_method="pm_card_chargeDeclinedInsufficientFunds")
        for stripe_id in (paid, refunded, disputed, credited):
            happen(outside, stripe_id, "pay")
        for cents in (100, 250):
            happen(outside, refunded, "refund", amount=cents)
        dispute = happen(outside, disputed, "dispute", amount=700)
        outside.control("POST", f"/stripe/disputes/{dispute['id']}/close", status="won")
        happen(outside, written_off, "mark-uncollectible")
        happen(outside, voided, "mark-uncollectible")
        # A void after that is nothing that the stand-in does, and something that Stripe does.
        self.events = [*list_events(outside), *_void(list_events(outside, "invoice.marked_uncollectible")[-1])]
        types = ["invoice.paid", "invoice.payment_failed", "charge.refunded"]
        outside.control("POST", "/stripe/double-events", types=types)
        told = {event["id"] for event in self.events}
        self.events += [event for event in list_events(outside) if event["id"] not in told]
        credit_invoice(self.ids[-1][0].pk, actor=None, reason="Wrong", now=ISSUED_AT)


def _void(marked: Event) -> list[Event]:
    event = copy.deepcopy(marked)
    event |= {"id": "evt_voided", "type": "invoice.voided"}
    event["data"]["object"]["status"] = "void"
    return [event]


def end_up(parts: Sequence[Sequence[Event]]) -> dict[str, Any]:
    """Take events in part by part, process each part, and tell how everything is then; nothing is kept."""
    with transaction.atomic():
        for part in parts:
            take(part)
            process_events()
        assert not StripeEvent.objects.filter(status__in=["waiting", "working", "dead"]).exists()
        found = look_around()
        transaction.set_rollback(True)
    return found


@pytest.fixture
def street(wired: Outside, one_thread: None, db: None) -> Street:
    return Street(wired)


def test_any_order_in_any_parts_ends_in_the_same_state(street: Street) -> None:
    ordered = end_up([[event] for event in street.events])
    states = [row[2] for row in ordered["payments"]]
    assert sorted(states) == ["open", "paid", "paid", "paid", "paid", "uncollectible", "void"]

    @quick
    @given(st.permutations(street.events), st.sampled_from([2, 9, 30, 200]), st.randoms(use_true_random=False))
    def check(events: list[Event], size: int, chance: random.Random) -> None:
        often = events + chance.sample(events, len(events) // 2)
        assert end_up([often[at : at + size] for at in range(0, len(often), size)]) == ordered

    check()


def test_the_last_word_would_not_end_in_the_same_state(street: Street) -> None:
    """What the test above would find if the last event to come decided."""

    def careless(events: Sequence[Event]) -> dict[str, str]:
        about = [event["data"]["object"] for event in events if event["type"].startswith("invoice.")]
        return {thing["id"]: thing["status"] for thing in about}

    shuffled = random.Random(1).sample(street.events, len(street.events))
    assert careless(shuffled) != careless(street.events)


def test_an_older_look_is_not_written_over_a_newer_one(wired: Outside, one_thread: None, db: None) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    ticket = take_ticket()
    seen_before = open_stripe().look_at_invoice(stripe_id)
    happen(wired, stripe_id, "refund", amount=500)
    take(list_events(wired, "charge.refunded"))
    process_events()
    write_seen(invoice.pk, stripe_id, ticket, seen_before)
    payment = StripeRecord.objects.get()
    assert (seen_before.refunded_cents, payment.refunded_cents) == (0, 500)
    # Without its age known it would be.
    write_seen(invoice.pk, stripe_id, take_ticket(), seen_before)
    payment.refresh_from_db()
    assert payment.refunded_cents == 0
