"""A real HTTP server on loopback that keeps what it is sent and answers as it is told."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

_PATIENCE = 30


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: "Message[str, str]"
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """The server; `answers` are given one after the other, (status, headers), and 200 when there are none."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.arrived = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.requests.append(Request(self.path, self.headers, body))
                status, headers = receiver.answers.popleft() if receiver.answers else (200, {})
                receiver.arrived.release()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_GET = do_POST

            def log_message(self, format: str, *values: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def fail(self, status: int, headers: dict[str, str] | None = None, *, times: int = 1) -> None:
        self.answers.extend([(status, headers or {})] * times)

    def wait(self) -> Request:
        """Wait for the next request that nobody waited for yet."""
        assert self.arrived.acquire(timeout=_PATIENCE), "nothing arrived"
        return self.requests[-1]

    def list_ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]

    def verify(self, request: Request, secret: str) -> None:
        """Check a signature as the library of the scheme does on the receiver's side."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert Webhook(secret).verify(request.body, headers) == request.json

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of this test's own."""
    running = Receiver()
    yield running
    running.stop()
