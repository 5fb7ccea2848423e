"""Bounds of a call outside: how long all of it may take, and how much it may bring, whatever library makes it.

A time-out of a library bounds each step. Who sends a byte every two seconds keeps within it for ever. So the sockets of
each library are made such that they also know the bounds of the call that uses them.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Thread
from typing import Any, Self

from common.hosts import to_ascii


class TooMuch(OSError):
    """More came than the call may bring."""


@dataclass(slots=True)
class _Bounds:
    until: float
    bytes_left: int


_current: ContextVar[_Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def bounded(seconds: float, most_bytes: int) -> Iterator[None]:
    """Bound all that this thread does outside during the block, from the name's resolution to the last byte.

    Within another such block, whichever ends first counts.
    """
    until, former = time.monotonic() + seconds, _current.get()
    if former is not None:
        until, most_bytes = min(until, former.until), min(most_bytes, former.bytes_left)
    token = _current.set(_Bounds(until, most_bytes))
    try:
        yield
    finally:
        _current.reset(token)


def limit(timeout: float | None) -> float | None:
    """Return how long one step may take: its own time-out, or what is left of the call's.

    Raises TimeoutError where nothing is left.
    """
    bounds = _current.get()
    if bounds is None:
        return timeout
    left = bounds.until - time.monotonic()
    if left <= 0:
        raise TimeoutError("The call took longer than it may.")
    return left if timeout is None else min(left, timeout)


def count(size: int) -> None:
    """Note that so many bytes came; TooMuch where those are more than the call may bring."""
    bounds = _current.get()
    if bounds is None:
        return
    bounds.bytes_left -= size
    if bounds.bytes_left < 0:
        raise TooMuch("The answer is longer than it may be.")


def resolve(host: str, port: int) -> list[tuple[Any, ...]]:
    """Resolve a name within the bounds; TimeoutError where that takes longer.

    Nothing interrupts the system's resolver, so a thread of its own waits for it, and is left to it.
    """
    found: Future[list[tuple[Any, ...]]] = Future()
    name = to_ascii(host)

    def ask() -> None:
        try:
            found.set_result(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
        except Exception as error:
            found.set_exception(error)

    seconds = limit(None)
    Thread(target=ask, daemon=True).start()
    return found.result(seconds)


class _Bounded(socket.socket):
    """Waits for nothing longer than the call may still take, and counts what comes."""

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        usual = self.gettimeout()
        self.settimeout(limit(usual))
        try:
            yield
        finally:
            self.settimeout(usual)

    def recv(self, *arguments: Any) -> bytes:
        """Receive within the bounds."""
        with self._in_time():
            received = super().recv(*arguments)
        count(len(received))
        return received

    def recv_into(self, *arguments: Any) -> int:
        """Receive within the bounds."""
        with self._in_time():
            size = super().recv_into(*arguments)
        count(size)
        return size

    def send(self, *arguments: Any) -> int:
        """Send within the bounds."""
        with self._in_time():
            return super().send(*arguments)


class BoundedSocket(_Bounded):
    """A connection without TLS."""

    @classmethod
    def adopt(cls, connection: socket.socket) -> Self:
        """Take over a connection that a library made."""
        timeout = connection.gettimeout()
        taken = cls(connection.family, connection.type, connection.proto, fileno=connection.detach())
        taken.settimeout(timeout)
        return taken

    def sendall(self, *arguments: Any) -> None:
        """Send all within the bounds."""
        with self._in_time():
            super().sendall(*arguments)


class BoundedTLS(_Bounded, ssl.SSLSocket):
    """A connection with TLS; the handshake has one deadline for all its steps by itself."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands within the bounds."""
        with self._in_time():
            super().do_handshake(block)


def make_bounded(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let the connections of a TLS context be bounded."""
    context.sslsocket_class = BoundedTLS
    return context
