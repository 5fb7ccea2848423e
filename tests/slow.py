"""A receiver on loopback that takes its time, or never stops talking: each byte is the test's own."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

# Gives pieces to send, each with the pause before it, after so much of the request was read.
Script = Iterator[tuple[float, bytes]]


class SlowServer:
    """Answers each connection by a script; `answered` counts the scripts that were begun."""

    def __init__(self, make_script: Callable[[], Script], *, reads_first: bool = True) -> None:
        self.calls = 0
        self.at_once = self.most_at_once = 0
        self._make_script, self._reads_first = make_script, reads_first
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        self.calls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        with connection, suppress(OSError):
            if self._reads_first:
                connection.recv(65_536)
            for pause, piece in self._make_script():
                if self._over.wait(pause):
                    break
                connection.sendall(piece)
        self.at_once -= 1

    def stop(self) -> None:
        self._over.set()
        self._listener.close()


@contextmanager
def answering(make_script: Callable[[], Script], *, reads_first: bool = True) -> Iterator[SlowServer]:
    """Run a slow server during the block."""
    server = SlowServer(make_script, reads_first=reads_first)
    try:
        yield server
    finally:
        server.stop()


def drip(text: bytes, at_once: bytes = b"", pause: float = 0.1) -> Callable[[], Script]:
    """Send something at once, then byte by byte, for ever."""

    def script() -> Script:
        yield 0, at_once
        while True:
            for byte in text:
                yield pause, bytes([byte])

    return script


def say(*pieces: bytes) -> Callable[[], Script]:
    """Send all at once."""
    return lambda: ((0, piece) for piece in pieces)


def flood(piece: bytes, at_once: bytes = b"") -> Callable[[], Script]:
    """Send the same again and again, as fast as it goes."""

    def script() -> Script:
        yield 0, at_once
        while True:
            yield 0, piece

    return script


@contextmanager
def taking(at_least: float, at_most: float) -> Iterator[None]:
    """Expect that the block takes so many seconds."""
    begun = time.monotonic()
    yield
    assert at_least <= time.monotonic() - begun <= at_most
