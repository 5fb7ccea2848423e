"""Events in the log, and their signed delivery."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import stripe

from tests.sandbox.build import open_invoice
from tests.sandbox.conftest import Control

SECRET = "whsec_test"


class Endpoint(HTTPServer):
    """A program that takes webhooks and keeps what it got."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        self.heard: Callable[[bytes], object] = lambda body: None
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Endpoint)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((body, self.headers["Stripe-Signature"]))
        self.server.heard(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_log_is_newest_first_and_filtered(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    client.v1.invoices.pay(invoice.id, {"payment_method": "pm_card_visa"})
    types = [event.type for event in client.v1.events.list().auto_paging_iter()]
    assert types[::-1] == [
        "customer.created",
        "invoice.created",
        "invoiceitem.created",
        "customer.updated",
        "invoice.finalized",
        "invoice.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    paid = client.v1.events.list({"types": ["invoice.paid", "invoice.voided"]}).data
    assert [(event.type, event.data.object["status"]) for event in paid] == [("invoice.paid", "paid")]
    assert len(client.v1.events.list({"type": "invoice.*"}).data) == 6
    assert client.v1.events.retrieve(paid[0].id).to_dict() == paid[0].to_dict()
    assert client.v1.events.list({"created": {"lt": paid[0].created - 60}}).data == []


def test_an_event_keeps_the_object_as_it_was_and_says_what_changed(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    client.v1.invoices.void_invoice(invoice.id, None, {"idempotency_key": "void-1"})
    finalized = client.v1.events.list({"type": "invoice.finalized"}).data[0]
    assert finalized.data.object["status"] == "open"
    updated = client.v1.events.list({"type": "invoice.updated", "limit": 1}).data[0]
    assert updated.data.to_dict()["previous_attributes"]["status"] == "open"
    assert updated.request is not None
    assert updated.request.idempotency_key == "void-1"


def test_signed_delivery_again_and_out_of_order(
    client: stripe.StripeClient, control: Control, endpoint: Endpoint
) -> None:
    open_invoice(client, 1_000)
    assert control("POST", "/stripe/deliver") == {"deliveries": []}
    control("PUT", "/stripe/webhooks", endpoints=[{"url": endpoint.url, "secret": SECRET}])
    types = ["invoice.created", "invoice.finalized"]
    answer = control("POST", "/stripe/deliver", types=types, times=2, reverse=True)
    assert [delivery["outcome"] for delivery in answer["deliveries"]] == [200] * 4
    names = [json.loads(body)["type"] for body, _ in endpoint.received]
    assert names == ["invoice.finalized", "invoice.finalized", "invoice.created", "invoice.created"]
    for body, signature in endpoint.received:
        assert stripe.Webhook.construct_event(body, signature, SECRET).object == "event"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, "whsec_other")
