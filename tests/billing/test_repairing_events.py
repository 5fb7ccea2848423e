"""Gaps among Stripe's events, found in its own list and filled."""

import datetime as dt
from typing import Any

import pytest

from billing.models import Invoice, StripeEvent
from common.clock import now
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import InvalidParams, read_params
from tests.factories.events import happen, list_events, look_around, make_sent, take
from tests.factories.runs import run
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)


def repair(**params: Any) -> JobRun:
    return run("repair-stripe-events", **params)


def test_what_never_came_is_found_stored_and_processed(wired: Outside) -> None:
    (_, first), (other, second) = make_sent(), make_sent()
    happen(wired, first, "pay")
    happen(wired, second, "pay")
    happen(wired, second, "refund", amount=500)
    told = list_events(wired)
    take(told[:3])
    done = repair()
    missing = len(told) - 3
    assert (done.status, done.expected) == ("succeeded", 4)
    assert done.summary == {"days": 4, "found": len(told), "missing": missing, "repaired": missing}
    assert StripeEvent.objects.filter(source="repair").count() == missing
    assert set(Invoice.objects.values_list("status", flat=True)) == {"paid"}
    assert Invoice.objects.get(pk=other.pk).stripe_record.refunded_cents == 500
    assert {event["id"] for event in told} == set(StripeEvent.objects.values_list("event_id", flat=True))


def test_run_again_it_finds_nothing_missing(wired: Outside) -> None:
    _, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    first = repair()
    seen, rows = look_around(), list(StripeEvent.objects.values())
    again = repair()
    assert again.summary == {**first.summary, "missing": 0, "repaired": 0}
    assert (look_around(), list(StripeEvent.objects.values())) == (seen, rows)


def test_many_pages_are_read_and_what_changes_nothing_is_not_asked_for(wired: Outside) -> None:
    _, stripe_id = make_sent()
    for _ in range(110):
        happen(wired, stripe_id, "fail")
    wired.control("DELETE", "/requests")
    done = repair(days=1)
    assert done.summary["found"] == done.summary["repaired"] == len(list_events(wired))
    asked = [request["params"] for request in wired.list_requests(path="/v1/events$")]
    assert len(asked) == 6
    assert sum("starting_after" in params for params in asked) == 2
    assert not StripeEvent.objects.filter(type="charge.failed").exists()


def test_one_that_cannot_be_processed_yet_is_counted_as_missing_and_retried(wired: Outside) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    invoice.deliveries.update(reference="")
    done = repair()
    assert done.summary["missing"] - done.summary["repaired"] == 4
    told = StripeEvent.objects.filter(type__in=["invoice.finalized", "invoice.paid"])
    assert set(told.values_list("status", flat=True)) == {"waiting"}


def test_a_day_that_stripe_does_not_tell_is_tried_again_and_the_others_are_done(wired: Outside) -> None:
    _, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    wired.fail("stripe", "/v1/events$", status=500, times=1)
    assert repair().status == "succeeded"
    wired.fail("stripe", "/v1/events$", status=500, times=None)
    done = repair(days=1)
    assert (done.status, done.failed) == ("failed", 2)
    assert set(done.items.values_list("error", flat=True)) == {"Stripe failed on its side (500)."}


@pytest.mark.parametrize("times", [1, None])
def test_what_came_before_stripe_broke_off_is_done_and_told(wired: Outside, times: int | None) -> None:
    _, stripe_id = make_sent()
    for _ in range(110):
        happen(wired, stripe_id, "fail")
    told = len(list_events(wired))
    wired.fail("stripe", "/v1/events$", status=500, times=times, contains="starting_after")
    done = repair(days=1)
    expected = ("succeeded", told) if times else ("partial", 100)
    assert (done.status, done.summary["missing"]) == expected
    assert (done.summary["found"], done.summary["repaired"]) == (expected[1], expected[1])
    assert StripeEvent.objects.filter(source="repair", status__in=["done", "ignored"]).count() == expected[1]


def test_it_asks_for_whole_days_and_no_more_than_stripe_keeps() -> None:
    job = get_job("repair-stripe-events")
    for days in (0, 31, "all"):
        with pytest.raises(InvalidParams, match="days"):
            read_params(job, {"days": days})
    assert read_params(job, {}).model_dump() == {"days": 3}


def test_the_days_are_today_and_those_before(wired: Outside) -> None:
    today = now().date()
    keys = list(get_job("repair-stripe-events")(read_params(get_job("repair-stripe-events"), {"days": 2})).keys())
    assert keys in (
        [(day - dt.timedelta(days=back)).isoformat() for back in range(3)]
        for day in (today, today + dt.timedelta(days=1))
    )


def test_without_stripe_there_is_nothing_to_do(settings: Any) -> None:
    settings.STRIPE_API_KEY = ""
    assert repair().status == "nothing_to_do"


def test_a_wrong_key_stops_the_run(wired: Outside, settings: Any) -> None:
    settings.STRIPE_API_KEY = "sk_test_expired"
    done = repair()
    assert (done.status, done.error) == (
        "failed",
        "Stripe refuses the API key: set STRIPE_API_KEY to a valid one.",
    )
