"""Ten thousand of Stripe's events, shuffled, each twice, half of them racing: the state that the ordered stream leaves.

Eight of the twenty thousand deliveries come over HTTP to the web server as it runs in production, from four callers at
once, signed by Stripe's webhook and in EventBridge's envelope in turns; the others go straight to the service that
stores events in bulk. Workers process what is there already meanwhile.
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from billing.models import StripeEvent, StripeRecord
from tests.concurrency.fleet import Fleet
from tests.concurrency.stripe import Event, Market, last_words
from tests.concurrency.world import Outside
from tests.factories.events import look_around
from tests.server import running_server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
COUNT, SECRET, KEY = 10_000, "whsec_storm", "eventbridge-key-of-the-storm"
# Of the five thousand deliveries of each of four callers.
OVER_HTTP = 2_000
SWIFT = {"settings": {"JOBS_THREADS": 8}}
# A busy machine takes minutes.
PATIENT = {"patience": 300}


def write(file: Path, events: Iterable[Event]) -> str:
    """Write events down, one a line."""
    with file.open("w") as lines:
        lines.writelines(json.dumps(event) + "\n" for event in events)
    return str(file)


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    with running_server(tmp_path / "web.log", STRIPE_WEBHOOK_SECRET=SECRET, EVENTBRIDGE_API_KEY=KEY) as url:
        yield url


def test_a_storm_ends_as_the_ordered_stream_does(fleet: Fleet, outside: Outside, server: str, tmp_path: Path) -> None:
    chance = random.Random(2026)
    market = Market(outside, organizations=8, months=15)
    market.live(chance)
    events = market.tell(COUNT)

    processing = {"do": "process_events", "expected": COUNT, **SWIFT, **PATIENT}
    ended = fleet.let_loose({"do": "take_events", "file": write(tmp_path / "ordered", events), "at_once": 100})
    assert ended[0]["answer"] == COUNT
    fleet.let_loose(processing)
    assert market.look() == market.look_there()
    ordered = look_around()
    market.forget()

    chance.shuffle(events)
    racing, twice = events[: COUNT // 2], events[COUNT // 2 :] * 2
    chance.shuffle(twice)
    parts = (racing, racing, twice[::2], twice[1::2])
    by = {"over_http": OVER_HTTP, "url": server, "secret": SECRET, "key": KEY, "at_once": 20, **PATIENT}
    files = [write(tmp_path / f"part{place}", part) for place, part in enumerate(parts)]
    callers = [{"do": "deliver_events", "file": file, "door": place % 2, **by} for place, file in enumerate(files)]
    ends = fleet.let_loose(*callers, processing, processing)
    assert all("answer" in end for end in ends), ends

    assert StripeEvent.objects.count() == COUNT
    assert sum(end["answer"] for end in ends[:2]) == sum(end["answer"] for end in ends[2:4]) == COUNT // 2
    brought = Counter(StripeEvent.objects.values_list("source", flat=True))
    assert brought["eventbridge"] > OVER_HTTP // 2
    left = StripeEvent.objects.exclude(status__in=["done", "ignored"])
    assert list(left.values_list("status", "error")) == []
    assert look_around() == ordered
    assert market.look() == market.look_there()


def test_the_last_word_would_not_have_ended_so(outside: Outside) -> None:
    """What the storm would leave if each event had the last word: many invoices are not what they are."""
    chance = random.Random(2026)
    market = Market(outside, organizations=1, months=30)
    market.live(chance)
    events = market.outside.list_objects("event")
    truth = last_words(events)
    chance.shuffle(events)
    wrong = [id_ for id_, status in last_words(events).items() if truth[id_] != status]
    assert len(wrong) > len(truth) // 4


def test_two_writers_of_one_invoice_lose_nothing_because_its_row_is_locked(
    fleet: Fleet, outside: Outside, tmp_path: Path
) -> None:
    market = Market(outside, organizations=1, months=1)
    (stripe_id,) = market.stripe_ids.values()
    for what in ("fail", "pay"):
        outside.tell("POST", f"/stripe/invoices/{stripe_id}/{what}")
    told = {event["type"]: event for event in outside.list_objects("event")}
    pair = [told["invoice.finalized"], told["invoice.payment_failed"], told["invoice.paid"]]

    def race(**spec: Any) -> tuple[str, int, bool]:
        market.forget()
        fleet.let_loose({"do": "take_events", "file": write(tmp_path / "pair", pair)})
        # The row is there: what races is what is written into it.
        first, *rest = StripeEvent.objects.order_by("id").values_list("pk", flat=True)
        # Nobody looks at Stripe: that would bring back what was lost.
        blind = {"do": "process_events", "settings": {"STRIPE_API_KEY": ""}}
        fleet.let_loose({"events": [first], **blind})
        fleet.let_loose(*({"events": [id_], **blind, **spec} for id_ in rest))
        payment = StripeRecord.objects.get()
        return payment.invoice.status, payment.attempts, payment.failed_at is not None

    assert [race() for _ in range(5)] == [("paid", 2, True)] * 5
    lock = ' FOR NO KEY UPDATE OF "billing_invoice"'
    lost = race(strip=lock, meet_behind='FROM "billing_striperecord"')
    assert lost != ("paid", 2, True)
