"""The two doors for Stripe's events: who is let in, what is stored, and that nothing else is."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from django.test import Client
from pytest_django import Settings

from billing.models import Invoice, StripeEvent
from billing.services.events import process_events
from tests.factories.events import Event, happen, make_sent
from tests.outside import Outside

pytestmark = pytest.mark.django_db
SECRET, FORMER = "whsec_this", "whsec_former"
KEY = "eventbridge-key-1234"
EVENT: Event = {
    "id": "evt_1",
    "object": "event",
    "type": "invoice.paid",
    "created": 1_790_000_000,
    "data": {"object": {"id": "in_1", "object": "invoice"}},
}


@pytest.fixture(autouse=True)
def _secrets(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = (SECRET, FORMER)
    settings.EVENTBRIDGE_API_KEYS = (KEY, "eventbridge-key-5678")


def sign(body: str, secret: str = SECRET, age: int = 0) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()) - age))


def post(body: str, signature: str | None = None, kind: str = "application/json; charset=utf-8") -> Any:
    headers = {"stripe-signature": sign(body) if signature is None else signature}
    return Client().post("/api/webhooks/stripe", body, kind, headers=headers)


def wrap(event: Any, **changes: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "invoice.paid",
        "source": "aws.partner/stripe.com/ed_test_61",
        "account": "123456789012",
        "time": "2026-11-01T10:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1::event-source/aws.partner/stripe.com/ed_test_61"],
        "detail": event,
        **changes,
    }


def bring(envelope: Any, key: str | None = KEY) -> Any:
    headers = {} if key is None else {"x-api-key": key}
    return Client().post("/api/eventbridge/stripe", json.dumps(envelope), "application/json", headers=headers)


def refusal(response: Any) -> tuple[int, str, str]:
    body = response.json()
    assert (body["success"], set(body)) == (False, {"success", "error", "timestamp"})
    return response.status_code, body["error"]["code"], body["error"]["message"]


def test_a_signed_event_is_stored_as_it_came_and_answered() -> None:
    body = json.dumps(EVENT, indent=2)
    response = post(body)
    assert response.status_code == 200
    assert {name: value for name, value in response.json().items() if name != "timestamp"} == {
        "success": True, "event": "evt_1", "isNew": True,
    }  # fmt: skip
    row = StripeEvent.objects.get()
    assert (row.event_id, row.type, row.object_id, row.source, row.status) == (
        "evt_1", "invoice.paid", "in_1", "webhook", "waiting",
    )  # fmt: skip
    assert row.created_at.timestamp() == 1_790_000_000
    assert row.body == EVENT


def test_a_delivery_of_stripes_changes_an_invoice(wired: Outside, live_server: Any) -> None:
    invoice, stripe_id = make_sent()
    happen(wired, stripe_id, "pay")
    endpoint = {"url": f"{live_server.url}/api/webhooks/stripe", "secret": FORMER}
    wired.control("PUT", "/stripe/webhooks", endpoints=[endpoint])
    sent = wired.control("POST", "/stripe/deliver", times=2, reverse=True)["deliveries"]
    assert {delivery["outcome"] for delivery in sent} == {200}
    assert StripeEvent.objects.count() == len(sent) / 2 == len(wired.list_objects("event"))
    process_events()
    assert Invoice.objects.get(pk=invoice.pk).status == "paid"


def test_the_same_event_by_both_doors_is_one_row() -> None:
    assert post(json.dumps(EVENT)).json()["isNew"] is True
    assert post(json.dumps(EVENT)).json()["isNew"] is False
    again = bring(wrap(EVENT))
    assert (again.status_code, again.json()["isNew"]) == (200, False)
    assert StripeEvent.objects.get().source == "webhook"


def test_either_secret_will_do_while_one_is_exchanged() -> None:
    body = json.dumps(EVENT)
    assert post(body, sign(body, FORMER)).status_code == 200
    both = f"{sign(body, 'whsec_other')},{sign(body, SECRET).partition(',')[2]}"
    assert post(body, both).json()["isNew"] is False


# Signed when the test runs: ids must not depend on the clock, and none may grow too old meanwhile.
@pytest.mark.parametrize(
    ("make_signature", "said"),
    [
        (lambda body: sign(body, "whsec_wrong"), "The signature does not fit the body."),
        (lambda body: sign(f"{body} "), "The signature does not fit the body."),
        (lambda body: sign(body, age=301), "The signature is too old."),
        (lambda body: sign(body, FORMER, age=301), "The signature is too old."),
        (lambda _: "", "The signature does not fit the body."),
        (lambda _: "t=x,v1=y", "The signature does not fit the body."),
        (lambda _: f"t={int(time.time())},v0=abc", "The signature does not fit the body."),
    ],
    ids=["other secret", "other body", "old", "old by the former secret", "none", "no time", "other scheme"],
)
def test_a_bad_signature_writes_no_row(make_signature: Callable[[str], str], said: str) -> None:
    body = json.dumps(EVENT)
    assert refusal(post(body, make_signature(body))) == (403, "bad_signature", said)
    assert not StripeEvent.objects.exists()


def test_within_the_tolerance_a_signature_is_good() -> None:
    body = json.dumps(EVENT)
    assert post(body, sign(body, age=290)).status_code == 200


def test_without_a_secret_nobody_gets_in(settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ()
    said = "No secret for Stripe's webhooks is set here."
    assert refusal(post(json.dumps(EVENT), sign(json.dumps(EVENT), " "))) == (403, "bad_signature", said)
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("{", "malformed", "The body is not valid JSON."),
        ("[" * 100_000, "malformed", "The body is not valid JSON."),
        ("[]", "not_an_event", "This is no event of Stripe's."),
        ('{"object": "v2.core.event"}', "not_an_event", "This is no event of Stripe's."),
        (json.dumps({**EVENT, "data": {}}), "not_an_event", "data.object is missing."),
        (json.dumps({**EVENT, "id": ""}), "not_an_event", "id must be a text of at most 255 characters."),
        (json.dumps({**EVENT, "id": "a\0"}), "not_an_event", "id must be a text of at most 255 characters."),
        (json.dumps({**EVENT, "type": "t" * 101}), "not_an_event", "type must be a text of at most 100 characters."),
        (json.dumps({**EVENT, "created": "now"}), "not_an_event", "created must be in seconds since 1970."),
        (json.dumps({**EVENT, "created": 10**20}), "not_an_event", "created must be in seconds since 1970."),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(body: str, code: str, said: str) -> None:
    assert refusal(post(body)) == (400, code, said)
    assert not StripeEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", ["NaN", "1e999999", '"\\ud800"'])
def test_what_the_database_cannot_hold_is_refused(value: str) -> None:
    body = json.dumps(EVENT).replace('"in_1"', f'"in_1", "strange": {value}')
    assert refusal(post(body)) == (400, "not_an_event", "The event holds a value that can't be stored.")
    assert not StripeEvent.objects.exists()


def test_a_nul_is_replaced() -> None:
    body = json.dumps({**EVENT, "data": {"object": {"id": "in_\0", "note": "a\0b"}}})
    assert post(body).status_code == 200
    row = StripeEvent.objects.get()
    assert (row.object_id, row.body["data"]["object"]["note"]) == ("in_", "a\N{REPLACEMENT CHARACTER}b")


def test_bodies_are_bounded_and_of_one_kind() -> None:
    assert post(json.dumps({**EVENT, "more": "x" * 1024 * 1024})).status_code == 413
    assert post(json.dumps(EVENT), kind="text/plain").status_code == 415
    assert not StripeEvent.objects.exists()


def test_eventbridge_brings_the_event_in_its_envelope() -> None:
    response = bring(wrap(EVENT))
    assert (response.status_code, response.json()["isNew"]) == (200, True)
    row = StripeEvent.objects.get()
    assert (row.event_id, row.source, row.body) == ("evt_1", "eventbridge", EVENT)


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + " x", "schlüssel"])
def test_a_wrong_key_is_403_and_writes_no_row(key: str | None) -> None:
    assert refusal(bring(wrap(EVENT), key))[:2] == (403, "forbidden")
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize(
    "envelope",
    [
        [],
        EVENT,
        wrap(EVENT, source="aws.s3"),
        wrap(None),
        wrap({**EVENT, "object": "invoice"}),
    ],
)
def test_another_envelope_is_refused(envelope: Any) -> None:
    assert refusal(bring(envelope))[:2] == (400, "not_an_event")
    assert not StripeEvent.objects.exists()


def test_no_other_method_opens_the_doors() -> None:
    for path in ("/api/webhooks/stripe", "/api/eventbridge/stripe"):
        assert Client().get(path, headers={"x-api-key": KEY}).status_code == 405
    body = json.dumps(EVENT)
    slashed = Client().post("/api/webhooks/stripe/", body, "application/json", headers={"stripe-signature": sign(body)})
    assert slashed.status_code == 200


def test_unknown_types_are_stored_and_wait_for_nobody() -> None:
    body = json.dumps({**EVENT, "type": "payout.paid"})
    assert post(body).status_code == 200
    assert StripeEvent.objects.get().status == "ignored"
