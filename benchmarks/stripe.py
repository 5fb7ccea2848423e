"""A stand-in for Stripe that takes its time: `python -m benchmarks.stripe MILLISECONDS`, printing its address.

It knows the calls that a delivery makes, keeps what an invoice came to, and refuses (429) what is above its limits. It
checks nothing else, which the sandbox does: here it shares two cores with what is measured.
"""

import asyncio
import itertools
import json
import re
import sys
import time
from typing import Any
from urllib.parse import parse_qsl

from sandbox.stripe.access import RateLimit
from sandbox.stripe.errors import StripeError

_SECONDS = float(sys.argv[1]) / 1000 if len(sys.argv) > 1 else 0.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LINE = re.compile(r"lines\[(\d+)\]\[(amount|metadata\]\[\w+)\]")
_NO_SUCH = 404, {"error": {"type": "invalid_request_error", "message": "Unknown here."}}
Answer = tuple[int, dict[str, Any]]


class Account:
    """What Stripe knows, and what it was asked."""

    def __init__(self) -> None:
        self.limit = RateLimit()
        self.requests: list[dict[str, Any]] = []
        self._totals: dict[str, int] = {}
        self._ids = itertools.count(1)

    def admit(self, method: str, path: str) -> Answer | None:
        """Write a request down; return the refusal where it is one too many."""
        self.requests.append(asked := {"at": time.time(), "method": method, "path": path, "status": 200})
        try:
            self.limit.check(f"{method} {re.sub('in_[0-9]+', 'ID', path)}")
        except StripeError as error:
            asked["status"] = error.status
            return error.status, {"error": error.error}
        return None

    def answer(self, method: str, path: str, form: str) -> Answer:
        """Do what was asked."""
        match method, *path.split("/")[3:]:
            case "GET", "customers":
                return 200, {"object": "list", "data": [], "has_more": False, "url": path}
            case "POST", "customers":
                return 200, {"id": f"cus_{next(self._ids)}", "object": "customer"}
            case "POST", "invoices":
                return 200, self._show(f"in_{next(self._ids)}", "draft")
            case "POST", "invoices", invoice, "add_lines":
                lines = _read_lines(form)
                self._totals[invoice] = self._totals.get(invoice, 0) + sum(line["amount"] for line in lines)
                return 200, self._show(invoice, "draft", lines={"data": lines, "has_more": False})
            case "POST", "invoices", invoice, "finalize":
                return 200, self._show(invoice, "open", hosted_invoice_url=f"https://pay.example.test/{invoice}")
        return _NO_SUCH

    def control(self, method: str, path: str, body: str) -> Answer:
        """Empty or show the log of requests, or set the limits, at the sandbox's addresses."""
        match method, path:
            case "PUT", "/control/stripe/rate-limit":
                self.limit = RateLimit(**json.loads(body))
            case "DELETE", "/control/requests":
                self.requests.clear()
            case "GET", "/control/requests":
                return 200, {"requests": self.requests}
            case _:
                return _NO_SUCH
        return 200, {}

    def _show(self, invoice: str, status: str, **more: Any) -> dict[str, Any]:
        total = self._totals.get(invoice, 0)
        return {"id": invoice, "object": "invoice", "status": status, "currency": "usd", "total": total, **more}


def _read_lines(form: str) -> list[dict[str, Any]]:
    lines: dict[str, dict[str, Any]] = {}
    for name, value in parse_qsl(form):
        if found := _LINE.fullmatch(name):
            blank = {"id": f"il_{found[1]}", "amount": 0, "currency": "usd", "metadata": {}}
            line = lines.setdefault(found[1], blank)
            if found[2] == "amount":
                line["amount"] = int(value)
            else:
                line["metadata"][found[2].rpartition("[")[2]] = value
    return list(lines.values())


class Conversation(asyncio.Protocol):
    """One connection, request by request, none before the former is answered."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer by."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Work on a request once it is complete."""
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        if not end or len(rest) < (length := int(found[1]) if found else 0):
            return
        self._received = rest[length:]
        method, address, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self._work(method, address.partition("?")[0], rest[:length].decode())

    def _work(self, method: str, path: str, body: str) -> None:
        account = self._account
        if path.startswith("/control/"):
            self._say(account.control(method, path, body))
        elif refused := account.admit(method, path):
            self._say(refused)
        else:
            answered = account.answer(method, path, body)
            asyncio.get_running_loop().call_later(_SECONDS, self._say, answered)

    def _say(self, answer: Answer) -> None:
        status, body = answer[0], json.dumps(answer[1]).encode()
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def _serve() -> None:
    account = Account()
    server = await asyncio.get_running_loop().create_server(lambda: Conversation(account), "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
