"""`python -m benchmarks.callers`: call an address over kept connections, as fast as it answers, and print the rate.

Reads a job as JSON from standard input: `port`, `request` (text in which `{id}` is new each time), `count` calls over
`connections`, the `status` that each answer must have, and the `secret` with which Stripe would sign, if any. It speaks
just enough HTTP to cost the machine little.
"""

import hashlib
import hmac
import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

_END_OF_HEAD = b"\r\n\r\n"


def call(sock: socket.socket, request: bytes) -> bytes:
    """Send a request and read its answer whole; return the status."""
    sock.sendall(request)
    answer = b""
    while _END_OF_HEAD not in answer:
        answer += _receive(sock)
    head, _, body = answer.partition(_END_OF_HEAD)
    left = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(body)
    while left > 0:
        left -= len(_receive(sock))
    return head[9:12]


def _receive(sock: socket.socket) -> bytes:
    part = sock.recv(65536)
    if not part:
        raise RuntimeError("the server closed the connection")
    return part


def sign(request: bytes, secret: str) -> bytes:
    """Add Stripe's signature of the body to a request's headers."""
    head, _, body = request.partition(_END_OF_HEAD)
    at = int(time.time())
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return head + f"\r\nstripe-signature: t={at},v1={digest}".encode() + _END_OF_HEAD + body


def run(job: dict[str, Any]) -> float:
    """Make all calls; return how many were answered in a second."""
    numbers: Iterator[int] = count(time.time_ns())
    before, after = job["request"].encode().split(b"{id}")
    wanted = str(job["status"]).encode()

    def work(calls: int) -> None:
        with socket.create_connection(("127.0.0.1", job["port"]), timeout=60) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(calls):
                request = before + str(next(numbers)).encode() + after
                status = call(sock, sign(request, job["secret"]) if job.get("secret") else request)
                if status != wanted:
                    raise RuntimeError(f"answered {status.decode()} where {job['status']} was expected")

    each, clock = job["count"] // job["connections"], time.perf_counter()
    with ThreadPoolExecutor(job["connections"]) as pool:
        list(pool.map(work, [each] * job["connections"]))
    return float(each * job["connections"] / (time.perf_counter() - clock))


if __name__ == "__main__":
    print(run(json.load(sys.stdin)))
