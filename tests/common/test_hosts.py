"""Names of hosts leave us by IDNA 2008: no letter of theirs is another host's."""

import socket
from typing import Any

import pytest

from common.bounds import bounded, resolve
from common.hosts import ascii_mailbox, to_ascii


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("straße.example", "xn--strae-oqa.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("ΒΌΛΟΣ.example", "xn--nxasmq6b.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("mail.example.test", "mail.example.test"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_host_is_written_in_ascii(host: str, written: str) -> None:
    assert to_ascii(host) == written


@pytest.mark.parametrize("host", ["ü..example", "ü" * 64 + ".example", "-ü.example", "ü\u200b\u202e.example"])
def test_what_can_be_no_host_is_said(host: str) -> None:
    with pytest.raises(UnicodeError):
        to_ascii(host)


def test_the_resolver_is_asked_for_the_same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with bounded(5, 100):
        resolve("straße.example", 25)
    assert asked == ["xn--strae-oqa.example"]


def test_a_mailbox_keeps_its_name() -> None:
    assert ascii_mailbox("Büro <a@straße.example>") == "Büro <a@xn--strae-oqa.example>"
    assert ascii_mailbox("rechnung@straße.example") == "rechnung@xn--strae-oqa.example"
    assert ascii_mailbox("a@b.example") == "a@b.example"
    assert ascii_mailbox("a@ü..x") == "a@ü..x"
