"""The work queues as somebody at a shell sees them."""

import datetime as dt

import pytest
from django.utils import timezone
from pytest_django import Settings

from billing.models import StripeEvent
from tests.commandline import Manage, manage
from tests.factories.events import keep_event
from tests.factories.results import make_result

__all__ = ["manage"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_each_queue_is_a_line(manage: Manage) -> None:
    keep_event(1, received_at=timezone.now() - dt.timedelta(seconds=90))
    keep_event(2, status="dead")
    make_result("working")
    answer = manage("list_queues")
    lines = {line.split()[0]: line.split()[1:] for line in answer.out.splitlines()}
    assert answer.status == 0
    assert list(lines) == ["queue", "notifications", "result-files", "stripe-events"]
    assert lines["result-files"] == ["0", "0", "s", "1", "0"]
    waiting, seconds, _, leased, dead = lines["stripe-events"]
    assert (waiting, leased, dead) == ("1", "0", "1") and 90 <= int(seconds) <= 100


def test_a_queue_is_worked_off_until_nothing_is_due(manage: Manage) -> None:
    keep_event(1, type="invoice.updated", body={"data": {"object": {"status": "draft"}}})
    keep_event(2, not_before=timezone.now() + dt.timedelta(hours=1))
    soon = timezone.now() + dt.timedelta(seconds=1)
    keep_event(3, type="invoice.updated", body={"data": {"object": {"status": "draft"}}}, not_before=soon)
    answer = manage("work_queue", "stripe-events", "--until-empty")
    assert (answer.status, answer.out) == (0, "Stripe events: 2 ended, 0 of them dead letters.\n")
    assert list(StripeEvent.objects.order_by("event_id").values_list("status", flat=True)) == [
        "ignored",
        "waiting",
        "ignored",
    ]


def test_new_dead_letters_are_a_status_of_their_own(manage: Manage, settings: Settings) -> None:
    keep_event(1, status="dead")
    keep_event(2, body={"id": "evt_2", "data": {"object": "nothing"}})
    answer = manage("work_queue", "stripe-events")
    assert (answer.status, answer.out) == (1, "Stripe events: 1 ended, 1 of them dead letters.\n")


def test_an_unknown_queue_is_refused(manage: Manage) -> None:
    answer = manage("work_queue", "letters")
    assert (answer.status, answer.out) == (2, "")
    assert "There is no queue letters. There are: notifications, result-files, stripe-events." in answer.err
