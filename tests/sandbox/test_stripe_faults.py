"""What goes wrong on demand, before and after the work."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from sandbox.server import Sandbox
from tests.sandbox.build import customer, draft
from tests.sandbox.conftest import KEY, Control, make_client

PERSON: stripe.params.CustomerCreateParams = {"email": "a@example.com"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, stripe.AuthenticationError),
        (402, stripe.CardError),
        (403, stripe.PermissionError),
        (429, stripe.RateLimitError),
        (500, stripe.APIError),
        (503, stripe.APIError),
    ],
)
def test_a_status_without_an_effect(
    client: stripe.StripeClient, control: Control, status: int, kind: type[stripe.StripeError]
) -> None:
    control.fault("status", method="POST", path="/customers$", status=status)
    with pytest.raises(kind) as raised:
        client.v1.customers.create(PERSON)
    assert raised.value.http_status == status
    assert control.objects("customer") == []
    client.v1.customers.create(PERSON)
    assert len(control.objects("customer")) == 1


def test_a_status_after_the_effect(client: stripe.StripeClient, control: Control) -> None:
    control.fault("status", path="/customers$", status=500, effect=True)
    with pytest.raises(stripe.APIError):
        client.v1.customers.create(PERSON)
    assert len(control.objects("customer")) == 1


@pytest.mark.parametrize(("action", "left"), [("close_before", 0), ("close_after", 1)])
def test_a_connection_cut(client: stripe.StripeClient, control: Control, action: str, left: int) -> None:
    control.fault(action, path="/customers$")
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    assert len(control.objects("customer")) == left
    client.v1.customers.create(PERSON, {"idempotency_key": "k"})
    assert len(control.objects("customer")) == 1


@pytest.mark.parametrize(("action", "left"), [("hang_before", 0), ("hang_after", 1)])
def test_an_answer_that_never_comes(sandbox: Sandbox, control: Control, action: str, left: int) -> None:
    control.fault(action, path="/customers$")
    with pytest.raises(stripe.APIConnectionError):
        make_client(sandbox, timeout=0.2).v1.customers.create(PERSON)
    assert len(control.objects("customer")) == left


def test_garbage_after_the_effect(client: stripe.StripeClient, control: Control) -> None:
    control.fault("garbage", path="/customers$")
    with pytest.raises(stripe.APIError, match="Invalid response body"):
        client.v1.customers.create(PERSON)
    assert len(control.objects("customer")) == 1


def test_the_nth_request_fails_as_often_as_told(client: stripe.StripeClient, control: Control) -> None:
    control.fault("status", path="/customers$", method="POST", status=503, skip=1, times=2)
    outcomes = []
    for _ in range(5):
        try:
            client.v1.customers.create(PERSON)
            outcomes.append(200)
        except stripe.APIError as error:
            outcomes.append(error.http_status or 0)
    assert outcomes == [200, 503, 503, 200, 200]


def test_one_organization_fails_and_no_other(client: stripe.StripeClient, control: Control) -> None:
    owner = customer(client)
    control.fault("status", path="/invoices$", contains="metadata[organization]=org_2", status=500, times=None)
    for organization in ("org_1", "org_3"):
        draft(client, customer=owner.id, metadata={"organization": organization})
    with pytest.raises(stripe.APIError):
        draft(client, customer=owner.id, metadata={"organization": "org_2"})
    assert len(control.objects("invoice")) == 2


def test_rules_are_listed_removed_and_checked(control: Control) -> None:
    made = control("POST", "/faults", action="garbage", path="x")
    assert [rule["id"] for rule in control("GET", "/faults")["faults"]] == [made["id"]]
    assert control("DELETE", f"/faults/{made['id']}")["faults"] == []
    for wrong in ({"action": "explode"}, {"action": "status", "colour": 1}, {"action": "status", "path": "("}, {}):
        assert control.client.post("/faults", json=wrong).status_code == 400
    assert control.client.delete("/faults/999999").status_code == 404


def test_limits_over_all_and_for_one_endpoint(client: stripe.StripeClient, control: Control) -> None:
    control("PUT", "/stripe/rate-limit", per_endpoint=2)
    for _ in range(2):
        client.v1.customers.list()
    with pytest.raises(stripe.RateLimitError) as raised:
        client.v1.customers.list()
    assert raised.value.headers is not None
    assert raised.value.headers["stripe-rate-limited-reason"] == "endpoint-rate"
    client.v1.invoices.list()
    control("PUT", "/stripe/rate-limit", per_second=1)
    with pytest.raises(stripe.RateLimitError) as raised:
        client.v1.balance.retrieve()
    assert raised.value.headers is not None
    assert raised.value.headers["stripe-rate-limited-reason"] == "global-rate"
    control("PUT", "/stripe/rate-limit")
    client.v1.balance.retrieve()


def test_sixty_four_slow_answers_at_once(sandbox: Sandbox, control: Control) -> None:
    control("PUT", "/latency", stripe=100)
    together = threading.Barrier(64)

    def fetch(client: httpx.Client) -> int:
        together.wait()
        return client.get("/stripe/v1/balance").status_code

    with (
        httpx.Client(base_url=sandbox.http_url, headers={"Authorization": f"Bearer {KEY}"}) as client,
        ThreadPoolExecutor(64) as pool,
    ):
        statuses = list(pool.map(fetch, [client] * 64))
    assert statuses == [200] * 64
    entries = control.requests(path="/balance")
    first_answer = min(entry["at"] + entry["seconds"] for entry in entries)
    assert sum(entry["at"] < first_answer for entry in entries) > 16
