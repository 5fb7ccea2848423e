"""Bodies that come in chunks: proxies that stream send no length, and without one Django reads nothing at all."""

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

# More than any door takes; a body that is longer is refused by its length like any other.
_MOST_BYTES = 17 * 1024 * 1024
_AT_ONCE = 64 * 1024

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def measure_bodies(application: Application) -> Application:
    """Give a body without a length its length, before the application looks at it."""

    def measured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING") and not environ.get("CONTENT_LENGTH"):
            body = _read(environ["wsgi.input"])
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return application(environ, start_response)

    return measured


def _read(stream: Any) -> bytes:
    parts, size = [], 0
    while size <= _MOST_BYTES and (part := stream.read(_AT_ONCE)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
