"""One sandbox for all tests of this folder, empty at the start of each."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from sandbox.server import Sandbox, run

KEY = "sk_test_1234567890abcdef"
# One client for all: making one costs more than a request.
plain = httpx.Client()


class Control:
    """The control API, whose refusals fail the test."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=f"{url}/control")

    def __call__(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        response = self.client.request(method, path, json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def fault(self, action: str, **values: Any) -> None:
        self("POST", "/faults", action=action, **values)

    def requests(self, **filters: str) -> list[dict[str, Any]]:
        answer = self.client.get("/requests", params=filters).json()
        found: list[dict[str, Any]] = answer["requests"]
        return found

    def objects(self, kind: str, **where: str) -> list[dict[str, Any]]:
        answer = self.client.get(f"/stripe/objects/{kind}", params=where).json()
        found: list[dict[str, Any]] = answer["data"]
        return found


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with run() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def _control(running: Sandbox) -> Iterator[Control]:
    control = Control(running.http_url)
    yield control
    control.client.close()


@pytest.fixture
def sandbox(running: Sandbox, _control: Control) -> Sandbox:
    _control("POST", "/reset")
    return running


@pytest.fixture
def control(sandbox: Sandbox, _control: Control) -> Control:
    return _control


@pytest.fixture(scope="session")
def _client(running: Sandbox) -> stripe.StripeClient:
    return make_client(running)


@pytest.fixture
def client(sandbox: Sandbox, _client: stripe.StripeClient) -> stripe.StripeClient:
    """The real library, as the program would use it."""
    return _client


def make_client(sandbox: Sandbox, key: str = KEY, timeout: float = 10, **options: Any) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": f"{sandbox.http_url}/stripe"},
        http_client=stripe.RequestsClient(timeout=timeout),
        max_network_retries=0,
        **options,
    )


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Plain HTTP with a valid key, for what the library would not send."""
    with httpx.Client(base_url=sandbox.http_url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client
