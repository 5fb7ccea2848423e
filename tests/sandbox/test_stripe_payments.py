"""What customers and banks do at the tests' bidding, and what Stripe then says of it."""

import threading

import pytest
import stripe

from tests.sandbox.build import open_invoice
from tests.sandbox.conftest import Control
from tests.sandbox.test_stripe_events import SECRET, Endpoint, endpoint

__all__ = ["endpoint"]


def told(client: stripe.StripeClient, since: int = 0) -> list[str]:
    """The types of what was told, the oldest first."""
    found = [str(event.type) for event in client.v1.events.list({"limit": 100}).auto_paging_iter()]
    return found[::-1][since:]


def test_a_customer_pays(client: stripe.StripeClient, control: Control) -> None:
    invoice = open_invoice(client, 4_200)
    assert control("POST", f"/stripe/invoices/{invoice.id}/pay")["status"] == "paid"
    paid = client.v1.invoices.retrieve(str(invoice.id))
    assert (paid.status, paid.amount_paid, paid.attempt_count) == ("paid", 4_200, 1)
    (payment,) = client.v1.invoice_payments.list({"invoice": str(invoice.id)}).data
    found = client.v1.invoice_payments.list(
        {"payment": {"type": "payment_intent", "payment_intent": str(payment.payment.payment_intent)}}
    )
    assert [(entry.invoice, entry.status) for entry in found.data] == [(invoice.id, "paid")]
    strange = client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": "pi_strange"}})
    assert strange.data == []


def test_a_card_is_declined_until_one_is_not(client: stripe.StripeClient, control: Control) -> None:
    invoice = open_invoice(client, 4_200)
    since = len(told(client))
    said = control("POST", f"/stripe/invoices/{invoice.id}/fail", payment_method="pm_card_chargeDeclinedExpiredCard")
    assert (said["code"], said["message"]) == ("expired_card", "Your card has expired.")
    (payment,) = client.v1.invoice_payments.list({"invoice": str(invoice.id), "status": "open"}).data
    assert payment.amount_paid is None
    intent = client.v1.payment_intents.retrieve(str(payment.payment.payment_intent))
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == "expired_card"
    control("POST", f"/stripe/invoices/{invoice.id}/pay")
    (charged, failed) = client.v1.charges.list({"payment_intent": intent.id}).data
    assert (charged.paid, charged.failure_message) == (True, None)
    assert (failed.paid, failed.status, failed.failure_message) == (False, "failed", "Your card has expired.")
    assert client.v1.payment_intents.retrieve(intent.id).last_payment_error is None
    (settled,) = client.v1.invoice_payments.list({"invoice": str(invoice.id)}).data
    assert (settled.id, settled.status, settled.amount_paid) == (payment.id, "paid", 4_200)
    assert told(client, since)[:4] == [
        "charge.failed", "payment_intent.payment_failed", "invoice.updated", "invoice.payment_failed",
    ]  # fmt: skip


def test_money_goes_back_and_is_disputed(client: stripe.StripeClient, control: Control) -> None:
    invoice = open_invoice(client, 4_200)
    control("POST", f"/stripe/invoices/{invoice.id}/pay")
    since = len(told(client))
    assert control("POST", f"/stripe/invoices/{invoice.id}/refund", amount=200)["status"] == "succeeded"
    dispute = control("POST", f"/stripe/invoices/{invoice.id}/dispute", amount=700, reason="duplicate")
    charge = client.v1.charges.list().data[0]
    assert (charge.amount_refunded, charge.disputed) == (200, True)
    (found,) = client.v1.disputes.list({"charge": charge.id}).data
    assert found.to_dict() == client.v1.disputes.retrieve(dispute["id"]).to_dict()
    assert (found.amount, found.reason, found.status, found.payment_intent) == (
        700, "duplicate", "needs_response", charge.payment_intent,
    )  # fmt: skip
    assert control("POST", f"/stripe/disputes/{dispute['id']}/close", status="won")["status"] == "won"
    assert told(client, since) == [
        "refund.created", "charge.refunded", "charge.dispute.created", "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated", "charge.dispute.closed",
    ]  # fmt: skip


def test_an_invoice_is_voided_or_written_off_by_hand(client: stripe.StripeClient, control: Control) -> None:
    first, second = open_invoice(client, 1_000), open_invoice(client, 1_000)
    control("POST", f"/stripe/invoices/{first.id}/void")
    control("POST", f"/stripe/invoices/{second.id}/mark-uncollectible")
    states = [client.v1.invoices.retrieve(str(invoice.id)).status for invoice in (first, second)]
    assert states == ["void", "uncollectible"]


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("/stripe/invoices/in_none/pay", {}, "no such invoice"),
        ("/stripe/invoices/{id}/refund", {}, "There is no charge on this invoice"),
        ("/stripe/invoices/{id}/fail", {"payment_method": "pm_card_visa"}, "that card is not declined"),
        ("/stripe/disputes/dp_none/close", {"status": "won"}, "no such dispute"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    client: stripe.StripeClient, control: Control, path: str, given: dict[str, str], said: str
) -> None:
    invoice = open_invoice(client, 1_000)
    before = told(client)
    with pytest.raises(AssertionError, match=said):
        control("POST", path.format(id=invoice.id), **given)
    assert told(client) == before
    assert client.v1.invoices.retrieve(str(invoice.id)).status == "open"


def test_one_change_may_have_two_events(client: stripe.StripeClient, control: Control) -> None:
    invoice = open_invoice(client, 1_000)
    control("POST", f"/stripe/invoices/{invoice.id}/pay")
    (copy,) = control("POST", "/stripe/double-events", types=["invoice.paid"])["events"]
    second, first = client.v1.events.list({"type": "invoice.paid"}).data
    assert (second.id, second.id != first.id) == (copy, True)
    assert second.data.to_dict() == first.data.to_dict()


def test_events_are_delivered_as_they_happen(client: stripe.StripeClient, control: Control, endpoint: Endpoint) -> None:
    came = threading.Event()
    endpoint.heard = lambda body: came.set() if b'"invoice.paid"' in body else None
    control("PUT", "/stripe/webhooks", endpoints=[{"url": endpoint.url, "secret": SECRET}], automatic=True)
    invoice = open_invoice(client, 1_000)
    control("POST", f"/stripe/invoices/{invoice.id}/pay")
    assert came.wait(20)
    body, signature = next((body, signed) for body, signed in endpoint.received if b'"invoice.paid"' in body)
    assert stripe.Webhook.construct_event(body, signature, SECRET).type == "invoice.paid"
