"""An S3 that remembers: moto's server, with every object kept in a file across restarts.

moto keeps its state in memory. After each request that changed an object this reads the object back and keeps
what is there now, so that a kill -9 at any moment loses nothing that was answered.
"""

import argparse
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client
from werkzeug.wrappers import Response
from werkzeug.wsgi import get_path_info

_READING = {"GET", "HEAD", "OPTIONS"}
_KEPT_HEADERS = ("content-type", "content-disposition", "content-encoding", "cache-control", "x-amz-meta-")
# moto tells its services apart by the scope of the signature, and verifies none.
_QUEUES = "/sqs/aws4_request"
_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=demo/20260101/us-east-1/s3/aws4_request, Signature=0"}


class Shelf:
    """Buckets and objects in an SQLite file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._open() as database:
            # A killed process loses nothing without waiting for the disk; only a power cut could.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE IF NOT EXISTS kept (path TEXT PRIMARY KEY, headers TEXT, body BLOB)")

    def keep(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Keep an object, or a bucket, as it is now."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (path, json.dumps(headers), body))

    def forget(self, path: str) -> None:
        """Drop an object, or a bucket, that is gone."""
        with self._open() as database:
            database.execute("DELETE FROM kept WHERE path = ?", (path,))

    def paths_below(self, bucket: str) -> list[str]:
        """What is kept of a bucket's objects."""
        with self._open() as database:
            prefix = bucket.rstrip("/") + "/"
            rows = database.execute("SELECT path FROM kept WHERE substr(path, 1, ?) = ?", (len(prefix), prefix))
            return [path for (path,) in rows]

    def list_all(self) -> Iterator[tuple[str, dict[str, str], bytes]]:
        """Everything kept, buckets before what they hold."""
        with self._open() as database:
            for path, headers, body in database.execute("SELECT path, headers, body FROM kept ORDER BY path"):
                yield path, json.loads(headers), body

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._file)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                yield connection
        finally:
            connection.close()


class RememberingS3:
    """A WSGI application around moto's that keeps what changes on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._shelf = shelf
        self._client = Client(self._moto, Response)
        self._changing = threading.Lock()

    def restore(self) -> int:
        """Give moto everything that is on the shelf; returns how many buckets and objects."""
        count = 0
        for path, headers, body in self._shelf.list_all():
            response = self._client.put(quote(path), headers={**headers, **_SIGNED}, data=body)
            if response.status_code >= 300:
                raise RuntimeError(f"{path} could not be restored: {response.status}")
            count += 1
        return count

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request; one that changes something is remembered before the caller learns that it succeeded."""
        # Whoever waits for a queue's messages waits for many seconds, and keeps nobody from storing meanwhile.
        if environ["REQUEST_METHOD"] in _READING or _QUEUES in environ.get("HTTP_AUTHORIZATION", ""):
            return self._moto(environ, start_response)  # type: ignore[no-any-return]  # moto returns Any
        with self._changing:
            response = Response.from_app(self._moto, environ, buffered=True)
            self._remember(get_path_info(environ), several=environ["REQUEST_METHOD"] == "POST")
        return response(environ, start_response)

    def _remember(self, path: str, several: bool) -> None:
        if not path.strip("/") or path.startswith("/moto-api"):
            return
        if "/" in path.strip("/"):
            self._remember_object(path)
            return
        if self._look("HEAD", path).status_code == 200:
            self._shelf.keep(path, {}, b"")
        else:
            self._shelf.forget(path)
        for below in self._shelf.paths_below(path) if several else ():  # one request may delete many objects
            self._remember_object(below)

    def _remember_object(self, path: str) -> None:
        now = self._look("GET", path)
        if now.status_code == 200:
            headers = {name: value for name, value in now.headers if name.lower().startswith(_KEPT_HEADERS)}
            self._shelf.keep(path, headers, now.get_data())
        else:
            self._shelf.forget(path)

    def _look(self, method: str, path: str) -> Response:
        return self._client.open(quote(path), method=method, headers=_SIGNED)


def main() -> None:
    """Restore what was kept, then serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.file.parent.mkdir(parents=True, exist_ok=True)
    application = RememberingS3(Shelf(arguments.file))
    print(f"restored {application.restore()} buckets and objects", flush=True)
    run_simple("127.0.0.1", arguments.port, application, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
