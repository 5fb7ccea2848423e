"""Stripe fails in the middle of a month: who is in trouble waits, the others are done, a rerun completes the rest."""

from typing import Any

import pytest
from pytest_django import Settings

from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.services.resending import retry_delivery
from jobs.engine import work
from tests.billing.street import Street
from tests.outside import STRIPE_KEY, Outside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def street(wired: Outside) -> Street:
    return Street(wired)


def count_stripe(street: Street) -> list[int]:
    """How many customers, invoices and lines there are in Stripe."""
    return [len(street.outside.list_objects(kind)) for kind in ("customer", "invoice", "line_item")]


def list_numbers() -> list[str | None]:
    return sorted(Invoice.objects.values_list("number", flat=True), key=str)


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        ({"status": 402, "body": {"message": "Your account cannot do this."}},
         "Stripe refused the request (402): Your account cannot do this.", 1),
        ({"status": 429}, "Stripe asked us to slow down (429).", 3),
        ({"status": 500}, "Stripe failed on its side (500).", 3),
    ],
)  # fmt: skip
def test_a_lasting_failure_is_one_failed_item(street: Street, fault: dict[str, Any], error: str, attempts: int) -> None:
    street.outside.fail("stripe", "/v1/customers$", method="POST", contains=street.troubled.pk, times=None, **fault)
    run = street.bill()
    street.check_only_the_trouble(run, "stripe", error)
    assert street.item(run).attempts == attempts
    # Stripe comes first: what comes after it has not happened.
    assert street.look(street.troubled).counts == (1, 0, 0, 0)
    assert run.summary["errors"] == {"generate": 0, "pdf": 0, "storage": 0, "stripe": 1, "email": 0}
    street.outside.heal()
    street.check_repaired(run)
    assert count_stripe(street) == [3, 3, 6]


def test_a_passing_failure_is_not_even_seen(street: Street) -> None:
    for path in ("/v1/invoices$", "/add_lines$", "/finalize$"):
        street.outside.fail("stripe", path, "close_after", method="POST")
    run = street.bill()
    assert run.status == "succeeded", list(run.items.values_list("step", "error"))
    street.check_delivered(*street.organizations)
    assert count_stripe(street) == [3, 3, 6]


def test_a_lasting_silence(street: Street) -> None:
    """Every call has its effect and no answer, and nothing can be looked at; then Stripe forgets the keys."""
    street.bill(deliver=False)
    street.outside.fail("stripe", "/v1/invoices$", "close_after", method="POST", times=None)
    street.outside.fail("stripe", "/v1/invoices", "close_before", method="GET", times=None)
    run = street.bill()
    assert (run.status, run.failed) == ("failed", 3)
    assert {item.error for item in run.items.all()} == {"Stripe did not answer in time, or the connection broke."}
    assert count_stripe(street) == [3, 3, 0]
    numbers = list_numbers()
    street.outside.heal()
    street.outside.control("POST", "/stripe/forget-keys")
    again = street.rerun(run)
    assert again.status == "succeeded", list(again.items.values_list("error", flat=True))
    street.check_delivered(*street.organizations)
    assert count_stripe(street) == [3, 3, 6]
    assert list_numbers() == numbers


def test_a_key_that_stripe_refuses_stops_the_run_and_blames_nobody(street: Street, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_test_invalid_9f3e"
    run = street.bill()
    assert (run.status, run.failed, run.done, run.missing) == ("failed", 0, 0, 3)
    assert run.error == "Stripe refuses the API key: set STRIPE_API_KEY to a valid one."
    assert not run.items.filter(status="failed").exists()
    assert "9f3e" not in str(list(run.items.values())) + str(list(InvoiceDelivery.objects.values()))
    # Where the books can't be compared, no number is given.
    assert [seen.counts for seen in street.look_at_all()] == [(0, 0, 0, 0)] * 3
    settings.STRIPE_API_KEY = STRIPE_KEY
    again = street.rerun(run, "missing")
    assert (again.status, again.done) == ("succeeded", 3)
    street.check_delivered(*street.organizations)
    assert len(list_numbers()) == 3


def test_a_customer_that_is_there_is_not_made_again(street: Street) -> None:
    street.bill()
    BillingAccount.objects.update(stripe_customer_id="")
    Invoice.objects.update(status="void")
    again = street.bill()
    assert again.status == "succeeded", list(again.items.values_list("error", flat=True))
    assert count_stripe(street) == [3, 6, 12]


def test_what_is_delivered_is_not_asked_for_again(street: Street) -> None:
    street.bill()
    asked = len(street.outside.list_requests(service="stripe"))
    work(retry_delivery(Invoice.objects.latest("id").pk, actor=None).pk, wait=True)
    assert len(street.outside.list_requests(service="stripe")) == asked
    street.check_delivered(*street.organizations)


def test_stripe_is_left_out_where_the_account_says_so(street: Street) -> None:
    BillingAccount.objects.filter(organization=street.troubled).update(deliver_stripe=False)
    street.bill()
    assert street.look(street.troubled).counts == (1, 1, 0, 1)
    street.check_delivered(*street.neighbours)
