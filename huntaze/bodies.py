"""Bodies that come in chunks, and those that nobody reads.

Proxies that stream send no length, and without one Django reads nothing at all. Where a request is refused before its
body was read, the server closes the connection on the rest of it, and a proxy may lose the answer by that.
"""

from collections.abc import Callable, Iterable
from io import BufferedReader, BytesIO, RawIOBase
from typing import Any

# A door that reads a body as a whole takes no more than that.
_MOST_WHOLE = 2 * 1024 * 1024
# More than any door takes: one that reads piece by piece ends where the body does, the others refuse that length.
_UNKNOWN = str(2**40)
_AT_ONCE = 64 * 1024

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Joined(RawIOBase):
    """What was read of a stream already, and the rest of it."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = BytesIO(head), rest

    def readable(self) -> bool:
        """Say so."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is room for; nothing at the end."""
        found = self._head.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def measure_bodies(application: Application) -> Application:
    """Give a body without a length one, before the application looks at it: its own, unless it is long."""

    def measured(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING") and not environ.get("CONTENT_LENGTH"):
            stream = environ["wsgi.input"]
            head, is_whole = _read(stream)
            environ["CONTENT_LENGTH"] = str(len(head)) if is_whole else _UNKNOWN
            environ["wsgi.input"] = BytesIO(head) if is_whole else BufferedReader(_Joined(head, stream), _AT_ONCE)
        return application(environ, start_response)

    return measured


def read_to_end(application: Application) -> Application:
    """Read what the application left of a body before it is answered: a proxy has it whole, and sends it at once."""

    def read(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        while environ.get("CONTENT_LENGTH") and environ["wsgi.input"].read(_AT_ONCE):
            pass
        return answer

    return read


def _read(stream: Any) -> tuple[bytes, bool]:
    """Read a body, or the beginning of one that is long; tell which."""
    parts, size = list[bytes](), 0
    while size <= _MOST_WHOLE:
        part = stream.read(_AT_ONCE)
        if not part:
            return b"".join(parts), True
        parts.append(part)
        size += len(part)
    return b"".join(parts), False
