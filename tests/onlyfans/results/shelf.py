"""A lean stand-in for S3: it lists any number of files, and serves what moto would not, such as a lying length.

Run as `python -m tests.onlyfans.results.shelf COUNT [mixed]`, it serves so many files, printing its address.
"""

import email.utils
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_STORED_AT = 1_795_000_000
_PAGE = 1000
_ENTRY = (
    "<Contents><Key>jobs/{0:07}/result.json</Key><LastModified>2026-11-18T11:06:40.000Z</LastModified>"
    "<ETag>&quot;{1}&quot;</ETag><Size>{2}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def write_fans(number: int) -> bytes:
    """Write the result of job `number`: the fans of one of a thousand creators, seen the later the higher it is."""
    seen = f"2026-10-{1 + number // 86_400:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    data = {"fans": number, "fansExpired": 1}
    user = f"creator{number % 1000}"
    return json.dumps({"kind": "fans", "version": 1, "userId": user, "observedAt": seen, "data": data}).encode()


def write_mixed(number: int) -> bytes:
    """Write fans and earnings in turns: of each of a thousand creators as many of the one as of the other."""
    written = json.loads(write_fans(number // 2))
    written["userId"] = f"of_{number // 2 % 1000 + 1}"
    if number % 2:
        cents = {"grossCents": number, "netCents": number * 8 // 10}
        data = {"currency": "USD", "months": {"2026-10": {"tips": cents, "messages": cents}}}
        written |= {"kind": "earnings", "data": data}
    return json.dumps(written).encode()


def etag_of(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class Shelf:
    """What it serves: `count` files as `write` makes them, and single ones that are put or answered by a function."""

    def __init__(self, count: int = 0, write: Callable[[int], bytes] = write_fans) -> None:
        self.count, self._write = count, write
        self.reads = 0
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.hooks: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, job: str, body: bytes, **headers: str) -> str:
        self.objects[f"jobs/{job}/result.json"] = body, headers
        return etag_of(body)

    def start(self) -> None:
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve_here(self) -> None:
        self._server.serve_forever()

    def _make_handler(shelf) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - several methods, one class
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                address = urlsplit(self.path)
                asked = parse_qs(address.query)
                if "list-type" in asked:
                    self._say(200, shelf.list(asked.get("continuation-token", ["0"])[0]))
                else:
                    self._serve(unquote(address.path).split("/", 2)[2])

            def do_HEAD(self) -> None:
                self.do_GET()

            def _serve(self, key: str) -> None:
                if key in shelf.hooks:
                    shelf.hooks[key](self)
                    return
                shelf.reads += 1
                body, headers = shelf.find(key)
                if body is None:
                    self._say(404, b"<Error><Code>NoSuchKey</Code></Error>")
                elif self.headers.get("If-Match", f'"{etag_of(body)}"').strip('"') != etag_of(body):
                    self._say(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                else:
                    self._say(200, body, {"ETag": f'"{etag_of(body)}"', **stored_at(), **headers})

            def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler

    def find(self, key: str) -> tuple[bytes | None, dict[str, str]]:
        if key in self.objects:
            return self.objects[key]
        number = key.split("/")[1]
        is_there = number.isdecimal() and len(number) == 7 and int(number) < self.count
        return (self._write(int(number)) if is_there else None), {}

    def list(self, token: str) -> bytes:
        first = int(token)
        last = min(first + _PAGE, self.count)
        bodies = ((number, self._write(number)) for number in range(first, last))
        entries = "".join(_ENTRY.format(number, etag_of(body), len(body)) for number, body in bodies)
        more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < self.count else ""
        cut = "true" if more else "false"
        return (
            f"<ListBucketResult><IsTruncated>{cut}</IsTruncated>{more}<KeyCount>{last - first}</KeyCount>"
            f"{entries}</ListBucketResult>"
        ).encode()


def stored_at(seconds: int = 0) -> dict[str, str]:
    """Write when something was stored, so many seconds after everything else."""
    return {"Last-Modified": email.utils.formatdate(_STORED_AT + seconds, usegmt=True)}


@contextmanager
def serving(count: int = 0) -> Iterator[Shelf]:
    """Serve for a while."""
    shelf = Shelf(count)
    shelf.start()
    try:
        yield shelf
    finally:
        shelf.stop()


if __name__ == "__main__":
    made = Shelf(int(sys.argv[1]), write_mixed if "mixed" in sys.argv else write_fans)
    print(made.url, flush=True)
    made.serve_here()
