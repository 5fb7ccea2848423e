"""Stripe fails, in every way and at every call: one Stripe invoice each in the end, and nothing done twice."""

from typing import Any

import httpx
import pytest
from pytest_django import Settings

from billing.models import BillingAccount, Invoice, InvoiceDelivery
from billing.providers import stripe as provider
from billing.services.correcting import credit_invoice, void_invoice
from billing.services.delivering import payments
from billing.services.resending import retry_delivery
from common.clock import now
from jobs.engine import work
from tests.billing.street import TOTAL, Street
from tests.outside import Outside

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMERS, INVOICES, LINES, FINALIZE = (
    r"/v1/customers$", r"/v1/invoices$", r"/v1/invoices/\w+/add_lines$", r"/v1/invoices/\w+/finalize$",
)  # fmt: skip
CALLS = pytest.mark.parametrize("path", [CUSTOMERS, INVOICES, LINES, FINALIZE], ids=["customer", "create", "lines", "finalize"])


@pytest.fixture
def street(wired: Outside) -> Street:
    return Street(wired)


def break_down(street: Street, path: str, **fault: Any) -> None:
    """Let the next call of this kind fail, whoever makes it."""
    street.outside.fail("stripe", path, method="POST", **fault)


def count_stripe(street: Street) -> tuple[int, int, int]:
    """Customers, invoices and lines that there are in Stripe."""
    return tuple(len(street.outside.list_objects(kind)) for kind in ("customer", "invoice", "line_item"))  # type: ignore[return-value]


ALL_THERE = (3, 3, 6)


@CALLS
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429}, {"status": 500}, {"status": 500, "effect": True}, {"status": 503}, {"action": "close_before"},
        {"action": "close_after"}, {"action": "garbage"}, {"status": 409},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)  # fmt: skip
def test_a_passing_failure_ends_in_one_invoice_each(street: Street, path: str, fault: dict[str, Any]) -> None:
    break_down(street, path, **fault)
    run = street.bill()
    assert (run.status, run.done) == ("succeeded", 3), list(run.items.values_list("step", "error"))
    street.check_delivered(*street.organizations)
    assert count_stripe(street) == ALL_THERE


@CALLS
@pytest.mark.parametrize("action", ["hang_before", "hang_after"])
def test_a_time_out_ends_in_one_invoice_each(
    street: Street, path: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_TIMEOUT_SECONDS", 0.4)
    break_down(street, path, action=action)
    run = street.bill()
    assert run.status == "succeeded", list(run.items.values_list("step", "error"))
    street.check_delivered(*street.organizations)
    assert count_stripe(street) == ALL_THERE


def break_for_the_troubled(street: Street, **fault: Any) -> None:
    street.outside.fail("stripe", CUSTOMERS, method="POST", contains=street.troubled.pk, times=None, **fault)


@pytest.mark.parametrize(
    ("fault", "error", "attempts"),
    [
        ({"status": 402, "body": {"message": "Your account cannot do this."}},
         "Stripe refused the request (402): Your account cannot do this.", 1),
        ({"status": 400, "body": {"message": "Not like this."}}, "Stripe refused the request (400): Not like this.", 1),
        ({"status": 429}, "Stripe asked us to slow down (429).", 3),
        ({"status": 500}, "Stripe failed on its side (500).", 3),
        ({"action": "close_before"}, "Stripe did not answer in time, or the connection broke.", 3),
    ],
)  # fmt: skip
def test_a_lasting_failure_is_one_failed_item(
    street: Street, fault: dict[str, Any], error: str, attempts: int
) -> None:
    break_for_the_troubled(street, **fault)
    run = street.bill()
    street.check_only_the_trouble(run, "stripe", error)
    assert street.item(run).attempts == attempts
    # What comes before Stripe is done and stays; what comes after it has not happened.
    assert street.look(street.troubled).counts == (1, 1, 0, 0)
    street.outside.heal()
    street.check_repaired(run)
    assert count_stripe(street) == ALL_THERE


@CALLS
@pytest.mark.parametrize("status", [400, 402])
def test_a_refusal_that_stripe_remembers_does_not_outlive_its_cause(street: Street, path: str, status: int) -> None:
    """Stripe saves its answer under the idempotency key: with the same key it would refuse for a day."""
    break_down(street, path, status=status)
    run = street.bill()
    assert (run.status, run.failed) == ("partial", 1)
    again = street.rerun(run)
    assert again.status == "succeeded", again.items.get().error
    street.check_delivered(*street.organizations)
    assert count_stripe(street) == ALL_THERE


@pytest.mark.parametrize("path", [INVOICES, LINES, FINALIZE], ids=["create", "lines", "finalize"])
def test_forgotten_keys_after_a_lasting_silence(
    street: Street, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every attempt has its effect and no answer; a day later Stripe has forgotten the keys. Looking comes first."""
    break_down(street, path, action="close_after", times=None)
    run = street.bill()
    assert (run.status, run.failed) == ("failed", 3)
    assert {item.error for item in run.items.all()} == {"Stripe did not answer in time, or the connection broke."}
    assert set(InvoiceDelivery.objects.filter(step="stripe").values_list("status", flat=True)) == {"unknown"}
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    street.outside.heal()
    street.outside.control("POST", "/stripe/forget-keys")
    again = street.rerun(run)
    assert again.status == "succeeded", list(again.items.values_list("error", flat=True))
    street.check_delivered(*street.organizations)
    assert count_stripe(street) == ALL_THERE
    assert sorted(Invoice.objects.values_list("number", flat=True)) == numbers


def test_a_key_that_stripe_refuses_stops_the_run_and_blames_nobody(street: Street, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_test_invalid_9f3e"
    run = street.bill()
    assert (run.status, run.failed, run.done) == ("failed", 0, 0)
    assert run.error == "Stripe refuses the API key: set STRIPE_API_KEY to a valid one."
    assert not run.items.filter(status="failed").exists()
    assert "9f3e" not in str(list(run.items.values()))
    numbers = sorted(Invoice.objects.values_list("number", flat=True))
    assert len(numbers) == 3
    assert count_stripe(street) == (0, 0, 0)
    settings.STRIPE_API_KEY = "sk_test_4242secret4242"
    again = street.rerun(run, "missing")
    assert (again.status, again.done) == ("succeeded", 3)
    street.check_delivered(*street.organizations)
    assert sorted(Invoice.objects.values_list("number", flat=True)) == numbers


def test_a_customer_that_is_there_is_not_made_again(street: Street) -> None:
    street.bill()
    BillingAccount.objects.update(stripe_customer_id="")
    Invoice.objects.update(status="void")
    again = street.bill()
    assert again.status == "succeeded", list(again.items.values_list("error", flat=True))
    assert len(street.outside.list_objects("customer")) == 3


def test_what_is_delivered_is_not_asked_for_again(street: Street) -> None:
    street.bill()
    asked = len(street.outside.list_requests(service="stripe"))
    work(retry_delivery(Invoice.objects.latest("id").pk, actor=None).pk, wait=True)
    assert len(street.outside.list_requests(service="stripe")) == asked
    street.check_delivered(*street.organizations)


def test_a_draft_that_somebody_changed_is_not_finalized(street: Street) -> None:
    break_down(street, FINALIZE, status=500, times=None)
    run = street.bill()
    assert run.failed == 3
    street.outside.heal()
    draft = street.look(street.troubled).stripe[0][0]
    customer = BillingAccount.objects.get(organization=street.troubled).stripe_customer_id
    httpx.post(
        f"{street.outside.stripe_url}/v1/invoiceitems",
        headers={"Authorization": "Bearer sk_test_1"},
        data={"customer": customer, "invoice": draft, "amount": "7", "currency": "usd"},
    ).raise_for_status()
    again = street.rerun(run)
    street.check_only_the_trouble(
        again,
        "stripe",
        f"Stripe's draft {draft} has 3 lines and USD 21.07; ours has 2 lines and USD 21.00. "
        "Delete the draft in Stripe, then retry.",
    )
    assert street.look(street.troubled).stripe == [(draft, "draft", TOTAL + 7)]


@pytest.mark.parametrize("fault", [{}, {"status": 500}, {"action": "close_after"}, {"status": 402}])
def test_a_void_reaches_stripe_once(street: Street, fault: dict[str, Any]) -> None:
    street.bill()
    invoice = Invoice.objects.get(organization=street.troubled)
    void_invoice(invoice.pk, actor=None, reason="Wrong")
    if fault:
        break_down(street, r"/v1/invoices/\w+/void$", **fault)
    for _ in range(2):
        work(retry_delivery(invoice.pk, actor=None).pk, wait=True)
    assert [found[1] for found in street.look(street.troubled).stripe] == ["void"]
    assert invoice.deliveries.get(step="stripe_void").status == "done"
    street.check_delivered(*street.neighbours)


@pytest.mark.parametrize("fault", [{}, {"status": 500}, {"action": "close_after"}, {"status": 402}])
def test_a_credit_note_reaches_stripe_once(street: Street, fault: dict[str, Any]) -> None:
    street.bill()
    invoice = Invoice.objects.get(organization=street.troubled)
    line = invoice.lines.get(kind="base_fee")
    note = credit_invoice(invoice.pk, actor=None, reason="Agreed", now=now(), amounts={line.pk: 123})
    if fault:
        break_down(street, "/v1/credit_notes$", **fault)
    for _ in range(2):
        work(retry_delivery(note.pk, actor=None).pk, wait=True)
    (made,) = street.outside.list_objects("credit_note")
    assert (made["amount"], made["metadata"]["huntaze_invoice"]) == (123, str(note.pk))
    assert note.deliveries.get(step="stripe").status == "done"
    assert note.deliveries.get(step="email").status == "done"


def test_a_credit_note_waits_for_the_invoice_that_it_corrects(street: Street) -> None:
    """Where it is not known whether the invoice got to Stripe, crediting it there would be a guess."""
    break_down(street, FINALIZE, action="close_before", times=None)
    street.bill()
    street.outside.heal()
    invoice = Invoice.objects.get(organization=street.troubled)
    note = credit_invoice(invoice.pk, actor=None, reason="Wrong", now=now())
    work(retry_delivery(note.pk, actor=None).pk, wait=True)
    delivery = note.deliveries.get(step="stripe")
    assert (delivery.status, delivery.error) == (
        "failed", f"It is not known how far {invoice} got in Stripe: deliver that first, then this.",
    )  # fmt: skip
    for document in (invoice, note):
        work(retry_delivery(document.pk, actor=None).pk, wait=True)
    (made,) = street.outside.list_objects("credit_note")
    assert made["amount"] == TOTAL


def test_stripe_is_left_out_where_the_account_or_the_run_says_so(street: Street) -> None:
    BillingAccount.objects.filter(organization=street.troubled).update(deliver_stripe=False)
    street.bill()
    assert street.look(street.troubled).counts == (1, 1, 0, 1)
    street.check_delivered(*street.neighbours)


def test_the_key_and_the_customers_appear_in_no_error(street: Street, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    for path in (CUSTOMERS, INVOICES, LINES, FINALIZE):
        break_down(street, path, status=500)
    street.bill()
    assert payments.settings.STRIPE_API_KEY not in caplog.text
    assert "sk_test_4242" not in str(list(InvoiceDelivery.objects.values()))
