"""The outside world of the tests: one sandbox for all of them, empty at the start of each that asks for it."""

import atexit
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from billing.services import pacing
from common.clock import Month
from huntaze.settings import keep_in_files
from sandbox.server import Sandbox, run

STRIPE_KEY = "sk_test_4242secret4242"


@cache
def running_sandbox() -> Sandbox:
    sandbox = run()
    atexit.register(sandbox.stop)
    return sandbox


class Outside:
    """The sandbox and its controls; a refused control fails the test."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.gateway_url = f"{sandbox.http_url}/onlyfans"
        self.stripe_url = f"{sandbox.http_url}/stripe"
        self._http = httpx.Client(base_url=f"{sandbox.http_url}/control")

    def control(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        response = self._http.request(method, path, json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def reset(self) -> None:
        self.control("POST", "/reset")
        self.control("PUT", "/latency")

    def fail(self, service: str, path: str, action: str = "status", **values: Any) -> None:
        """Let requests fail: the next one, unless `times` says otherwise (None: all)."""
        self.control("POST", "/faults", service=service, path=path, action=action, **values)

    def heal(self) -> None:
        """Lift all faults and mail rules."""
        self.control("DELETE", "/faults")
        self.control("DELETE", "/mail/rules")

    def refuse_mail(self, match: str, **values: Any) -> None:
        self.control("POST", "/mail/rules", match=match, **values)

    def seed(self, account: str, month: Month, **cents: Any) -> None:
        self.control("PUT", f"/onlyfans/{account}/{month}", **cents)

    def list_requests(self, **filters: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/requests", params=filters).json()["requests"]
        return found

    def list_objects(self, kind: str, **where: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get(f"/stripe/objects/{kind}", params=where).json()["data"]
        return found

    def act(self, method: str, path: str, **values: str) -> dict[str, Any]:
        """Do something in Stripe by its API, as somebody there would."""
        headers = {"Authorization": f"Bearer {STRIPE_KEY}"}
        response = httpx.request(method, f"{self.stripe_url}/v1/{path}", headers=headers, data=values or None)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def list_mails(self, **filters: str) -> list[dict[str, Any]]:
        """Messages by Message-ID, oldest first, with how often each came."""
        found: list[dict[str, Any]] = self._http.get("/mail/messages", params=filters).json()["messages"]
        return found

    def read_mail(self, number: int) -> EmailMessage:
        """Read a message as it was received."""
        raw = httpx.get(f"{self.sandbox.http_url}/mail/{number}/raw").content
        return message_from_bytes(raw, policy=policy.default)


@pytest.fixture
def outside() -> Iterator[Outside]:
    """The sandbox, emptied."""
    world = Outside(running_sandbox())
    world.reset()
    yield world
    world._http.close()


@pytest.fixture
def wired(outside: Outside, settings: Settings, tmp_path: Path) -> Outside:
    """The sandbox, with every delivery switched on and addressed to it; files go to a folder of the test."""
    point_at(outside, settings)
    store_in(settings, tmp_path)
    return outside


def point_at(outside: Outside, settings: Settings) -> None:
    """Address everything to the sandbox; the test's own clock sets no pace."""
    settings.ONLYFANS_API_URL = outside.gateway_url
    settings.INVOICE_ENABLE_STRIPE, settings.STRIPE_API_KEY = True, STRIPE_KEY
    settings.STRIPE_API_BASE = outside.stripe_url
    settings.STRIPE_RATE_PER_SECOND = settings.STRIPE_ENDPOINT_RATE_PER_SECOND = 100_000
    settings.INVOICE_ENABLE_EMAIL = True
    settings.EMAIL_HOST, settings.EMAIL_PORT = outside.sandbox.smtp_host, outside.sandbox.smtp_port
    pacing._gateway.cache_clear()


def store_in(settings: Settings, folder: Path) -> None:
    """Store invoices' files below a folder."""
    settings.STORAGES = {**settings.STORAGES, "invoices": keep_in_files(folder)}
