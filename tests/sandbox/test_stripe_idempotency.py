"""Idempotency keys: what is kept, replayed, refused and forgotten."""

import threading

import httpx
import pytest
import stripe

from sandbox.server import Sandbox
from tests.sandbox.build import customer, draft, open_invoice
from tests.sandbox.conftest import KEY, Control, plain

PERSON: stripe.params.CustomerCreateParams = {"email": "a@example.com"}


def test_a_repeat_gets_the_same_answer_and_does_nothing(client: stripe.StripeClient, control: Control) -> None:
    first = client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    again = client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    assert again.to_dict() == first.to_dict()
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert first.last_response is not None
    assert again.last_response.headers["original-request"] == first.last_response.request_id
    assert len(control.objects("customer")) == 1
    assert [entry["replayed"] for entry in control.requests(method="POST")] == [False, True]


def test_the_saved_answer_stays_as_it_was(client: stripe.StripeClient) -> None:
    invoice = draft(client, 100, customer=customer(client).id)
    opened = client.v1.invoices.finalize_invoice(invoice.id, None, {"idempotency_key": "f"})
    client.v1.invoices.void_invoice(invoice.id)
    assert client.v1.invoices.finalize_invoice(invoice.id, None, {"idempotency_key": "f"}).status == opened.status
    assert client.v1.invoices.retrieve(invoice.id).status == "void"


def test_the_same_key_with_other_parameters_or_elsewhere(client: stripe.StripeClient, control: Control) -> None:
    client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.customers.create({"email": "b@example.com"}, {"idempotency_key": "k"})
    owner = control.objects("customer")[0]["id"]
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.invoices.create({"customer": owner}, {"idempotency_key": "k"})
    assert (len(control.objects("customer")), control.objects("invoice")) == (1, [])


def test_refusals_before_the_work_are_not_kept(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.create({"email": "nonsense"}, {"idempotency_key": "k"})
    assert client.v1.customers.create(PERSON, {"idempotency_key": "k"}).email == "a@example.com"


def test_refusals_by_the_work_are_kept(client: stripe.StripeClient) -> None:
    invoice = open_invoice(client, 1_000)
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError, match="re-finalize") as raised:
            client.v1.invoices.finalize_invoice(invoice.id, None, {"idempotency_key": "k"})
    assert raised.value.headers is not None
    assert raised.value.headers["idempotent-replayed"] == "true"


def test_errors_of_the_server_are_kept_until_the_key_is_forgotten(
    client: stripe.StripeClient, control: Control
) -> None:
    control.fault("status", method="POST", path="customers", status=500)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    assert control.objects("customer") == []
    assert control("POST", "/stripe/forget-keys", keys=["k"]) == {"kept": 0}
    client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    assert len(control.objects("customer")) == 1


def test_a_rate_limited_request_is_not_kept(client: stripe.StripeClient, control: Control) -> None:
    control.fault("status", method="POST", status=429, headers={"Retry-After": "1"})
    with pytest.raises(stripe.RateLimitError) as raised:
        client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    assert raised.value.headers is not None
    assert raised.value.headers["retry-after"] == "1"
    assert client.v1.customers.create(PERSON, {"idempotency_key": "k"}).email == "a@example.com"


def test_keys_are_kept_for_a_day(client: stripe.StripeClient, control: Control) -> None:
    first = client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    control("POST", "/stripe/advance", seconds=86_000)
    assert client.v1.customers.create(PERSON, {"idempotency_key": "k"}).id == first.id
    control("POST", "/stripe/advance", seconds=500)
    assert client.v1.customers.create(PERSON, {"idempotency_key": "k"}).id != first.id


def test_a_twin_of_a_request_under_way_is_turned_away(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/latency", stripe=300)
    statuses = []

    def create() -> None:
        headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k"}
        response = plain.post(f"{sandbox.http_url}/stripe/v1/customers", headers=headers, data={"name": "Twin"})
        statuses.append((response.status_code, response.json().get("error", {}).get("code")))

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [(200, None), (409, "idempotency_key_in_use")]
    assert len(control.objects("customer")) == 1


def test_keys_have_a_length_and_count_for_posts_only(http: httpx.Client) -> None:
    long = http.post("/stripe/v1/customers", data={"name": "x"}, headers={"Idempotency-Key": "k" * 256})
    assert long.status_code == 400
    for _ in range(2):
        assert "idempotent-replayed" not in http.get("/stripe/v1/balance", headers={"Idempotency-Key": "g"}).headers
