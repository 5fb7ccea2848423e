"""Ten thousand of Stripe's events, shuffled, each twice, half of them racing: the state that the ordered stream leaves.

Most deliveries go straight to the service that stores events in bulk, from processes of their own; some hundreds come
over HTTP, signed, while workers process what is there already.
"""

import json
import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from pytest_django import Settings

from billing.models import InvoicePayment, StripeEvent
from tests.concurrency.fleet import Fleet
from tests.concurrency.stripe import Event, Market, last_words
from tests.concurrency.world import Outside
from tests.factories.events import look_around

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
COUNT, OVER_HTTP, SECRET = 10_000, 400, "whsec_storm"
SWIFT = {"settings": {"JOBS_THREADS": 8}}


def write(file: Path, events: Iterable[Event]) -> str:
    """Write events down, one a line."""
    with file.open("w") as lines:
        lines.writelines(json.dumps(event) + "\n" for event in events)
    return str(file)


def post(url: str, events: list[Event]) -> list[int]:
    """Deliver events by Stripe's webhook."""
    with httpx.Client() as client:
        return [_post(client, url, json.dumps(event)) for event in events]


def _post(client: httpx.Client, url: str, body: str) -> int:
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    headers = {"Stripe-Signature": signature, "Content-Type": "application/json; charset=utf-8"}
    return client.post(f"{url}/api/webhooks/stripe", content=body, headers=headers).status_code


def test_a_storm_ends_as_the_ordered_stream_does(
    fleet: Fleet, outside: Outside, live_server: Any, settings: Settings, tmp_path: Path
) -> None:
    settings.STRIPE_WEBHOOK_SECRET = (SECRET,)
    chance = random.Random(2026)
    market = Market(outside, organizations=8, months=15)
    market.live(chance)
    events = market.tell(COUNT)

    processing = {"do": "process_events", "expected": COUNT, **SWIFT}
    ended = fleet.let_loose({"do": "take_events", "file": write(tmp_path / "ordered", events), "at_once": 100})
    assert ended[0]["answer"] == COUNT
    fleet.let_loose(processing)
    assert market.look() == market.look_there()
    ordered = look_around()
    market.forget()

    chance.shuffle(events)
    racing, twice = events[: COUNT // 2], events[COUNT // 2 :] * 2
    chance.shuffle(twice)
    posted, parts = twice[:OVER_HTTP], (twice[OVER_HTTP::2], twice[OVER_HTTP + 1 :: 2])
    files = [write(tmp_path / f"part{place}", part) for place, part in enumerate((racing, racing, *parts))]
    takers = [{"do": "take_events", "file": file, "at_once": 20} for file in files]
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(post, live_server.url, posted[place::2]) for place in range(2)]
        ends = fleet.let_loose(*takers, processing, processing)
        assert {status for answer in answers for status in answer.result()} == {200}
    assert all("answer" in end for end in ends), ends

    assert StripeEvent.objects.count() == COUNT
    assert sum(end["answer"] for end in ends[:2]) == COUNT // 2
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
        fleet.let_loose({"do": "process_events", "events": [first]})
        fleet.let_loose(*({"do": "process_events", "events": [id_], **spec} for id_ in rest))
        payment = InvoicePayment.objects.get()
        return payment.invoice.status, payment.attempts, payment.failed_at is not None

    assert [race() for _ in range(5)] == [("paid", 2, True)] * 5
    lock = ' FOR NO KEY UPDATE OF "billing_invoice"'
    lost = race(strip=lock, meet_behind='FROM "billing_invoicepayment"')
    assert lost != ("paid", 2, True)
