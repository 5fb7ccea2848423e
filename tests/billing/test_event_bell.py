"""The bell of Stripe's events: it reaches the workers' queue, and many rings are few messages."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings as configured
from django.db import transaction
from django_celery_beat.models import PeriodicTask

from billing.models import StripeEvent
from billing.providers.stripe_events import read_head
from billing.services.events import PROCESS_TASK, process_events, ring, take_event
from billing.tasks import process_stripe_events
from common.clock import now
from tests.factories.events import Event

EVENT: Event = {
    "id": "evt_1",
    "object": "event",
    "type": "charge.refunded",
    "created": 1_790_000_000,
    "data": {"object": {"id": "ch_1", "object": "charge"}},
}
_PATIENCE = 20


@pytest.fixture
def queue() -> Iterator[Any]:
    """The queue as the broker has it, empty at first."""
    server = redis.Redis.from_url(configured.CELERY_BROKER_URL)
    server.delete("webhooks")
    yield server
    server.delete("webhooks")
    server.close()


def wait_for_message(queue: Any) -> dict[str, Any]:
    found = queue.blpop("webhooks", timeout=_PATIENCE)
    assert found, "nothing was rung"
    message: dict[str, Any] = json.loads(found[1])
    return message


@pytest.mark.django_db(transaction=True)
def test_a_stored_event_rings_once_it_is_committed(queue: Any) -> None:
    with transaction.atomic():
        take_event(read_head(EVENT), json.dumps(EVENT), "webhook")
        assert queue.llen("webhooks") == 0
    assert wait_for_message(queue)["headers"]["task"] == PROCESS_TASK


@pytest.mark.django_db
def test_a_repeated_event_and_one_of_an_unknown_type_ring_for_nobody(django_capture_on_commit_callbacks: Any) -> None:
    unknown = {**EVENT, "id": "evt_2", "type": "payout.paid"}
    bells = []
    for event in (EVENT, EVENT, unknown):
        with django_capture_on_commit_callbacks() as callbacks:
            take_event(read_head(event), json.dumps(event), "webhook")
        bells.append(len(callbacks))
    assert bells == [1, 0, 0]


def test_many_rings_are_few_messages(queue: Any) -> None:
    for _ in range(1_000):
        ring()
    wait_for_message(queue)
    assert queue.llen("webhooks") < 100


@pytest.mark.django_db
def test_the_workers_task_and_the_sweep_process_what_waits() -> None:
    take_event(read_head(EVENT), json.dumps(EVENT), "webhook")
    process_stripe_events()
    event = StripeEvent.objects.get()
    assert (event.status, event.note) == ("ignored", "It belongs to no payment of an invoice.")
    row = PeriodicTask.objects.get(name="stripe-events")
    assert (row.task, row.queue, row.enabled, str(row.interval)) == (PROCESS_TASK, "webhooks", True, "every 20 seconds")


@pytest.mark.django_db
def test_what_is_not_due_yet_is_left() -> None:
    take_event(read_head(EVENT), json.dumps(EVENT), "webhook")
    StripeEvent.objects.update(not_before=now().replace(year=2100))
    assert process_events() == 0
    assert StripeEvent.objects.get().status == "waiting"
