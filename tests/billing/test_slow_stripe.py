"""Stripe answers however slowly, and however much: a call ends in time, and its outcome is not known."""

import gzip
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest

from billing.providers import stripe as provider
from billing.providers.stripe import StripeGateway
from common.errors import OutcomeUnknown, WorkError
from tests.slow import Script, answering, drip, flood, say, taking

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PACKED = gzip.compress(b" " * 30_000_000)


@pytest.fixture(autouse=True)
def _a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "DEADLINE_SECONDS", 1.0)


def no_pace(_: str) -> AbstractContextManager[None]:
    return nullcontext()


@pytest.mark.parametrize(
    "script",
    [drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000), drip(b" ", HEAD + b"Content-Length: 9999\r\n\r\n")],
    ids=["headers", "body"],
)
def test_a_byte_now_and_then_is_no_answer(script: Callable[[], Script]) -> None:
    with answering(script) as server, taking(0.9, 3), pytest.raises(OutcomeUnknown):
        StripeGateway("sk_test_x", server.url, no_pace).create_customer("org_1", "Acme", "", "key")


def test_what_has_no_end_is_not_read_to_it() -> None:
    with answering(flood(b" " * 65_536, HEAD + b"\r\n")) as server, taking(0, 3), pytest.raises(WorkError):
        StripeGateway("sk_test_x", server.url, no_pace).create_customer("org_1", "Acme", "", "key")


def test_what_would_unpack_to_much_is_not_unpacked() -> None:
    packed = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED
    with answering(say(packed)) as server, taking(0, 3), pytest.raises(WorkError):
        StripeGateway("sk_test_x", server.url, no_pace).create_customer("org_1", "Acme", "", "key")
