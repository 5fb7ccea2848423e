"""`python -m benchmarks.posting`: post prepared bodies over kept connections, as fast as they are answered.

Reads a job as JSON from standard input: `port`, `path`, `headers`, `bodies` (a file of bodies, one a line) and
`connections`; prints the seconds that it took. Each body must be answered 200.
"""

import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.callers import call


def run(job: dict[str, Any]) -> float:
    """Post all bodies; return how many seconds it took."""
    headers = {"host": "localhost", "x-forwarded-proto": "https", "content-type": "application/json", **job["headers"]}
    head = f"POST {job['path']} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    requests = [
        f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
        for body in Path(job["bodies"]).read_bytes().splitlines()
    ]

    def work(place: int) -> None:
        with socket.create_connection(("127.0.0.1", job["port"]), timeout=60) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in requests[place :: job["connections"]]:
                if (status := call(sock, request)) != b"200":
                    raise RuntimeError(f"answered {status.decode()}")

    clock = time.perf_counter()
    with ThreadPoolExecutor(job["connections"]) as pool:
        list(pool.map(work, range(job["connections"])))
    return time.perf_counter() - clock


if __name__ == "__main__":
    print(run(json.load(sys.stdin)))
