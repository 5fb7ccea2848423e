"""One way to call out: bounded in time and size, never following redirects, failing in one of the four kinds."""

import json
import ssl
import zlib
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

import httpcore
import httpx

from common.bounds import BoundedSocket, TooMuch, bounded, limit, make_bounded, resolve
from common.errors import Permanent, Retryable

# Each step of a call. Reading may take longer than connecting: a host that does not answer at all should be known soon.
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
# The whole of a call.
DEADLINE_SECONDS = 20.0
MAX_BODY_BYTES = 5_000_000
# What status line and headers may add to the body.
_HEADER_BYTES = 200_000
_AT_ONCE = 65_536
# Only what can be unpacked piece by piece is asked for.
_PACKING = "gzip"


class Refused(Permanent):
    """The other side does not take the credentials that were sent, and will not until there are others."""


class _Network(httpcore.SyncBackend):
    """Connections that keep within the bounds of the call that uses them."""

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *rest: Any, **more: Any) -> Any:
        """Connect to the first address of the host that answers."""
        problem: Exception = httpcore.ConnectError(f"{host} leads nowhere.")
        for address in _resolve(host, port):
            try:
                stream: Any = super().connect_tcp(address, port, limit(timeout), *rest, **more)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, TimeoutError) as error:
                problem = httpcore.ConnectTimeout(str(error)) if isinstance(error, TimeoutError) else error
            else:
                stream._sock = BoundedSocket.adopt(stream._sock)
                return stream
        raise problem


def _resolve(host: str, port: int) -> list[str]:
    try:
        return [str(found[4][0]) for found in resolve(host, port)]
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from None


@cache
def _trust() -> ssl.SSLContext:
    return make_bounded(httpx.create_ssl_context())


def open_client(**options: Any) -> httpx.Client:
    """Make a client that follows no redirects, and whose calls keep within `common.bounds`; the caller closes it."""
    client = httpx.Client(verify=_trust(), follow_redirects=False, **options)
    # Proxies that the environment names have transports of their own.
    transports: list[Any] = [client._transport, *client._mounts.values()]
    for transport in filter(None, transports):
        transport._pool._network_backend = _Network()
    return client


def new_client(base_url: str, headers: dict[str, str]) -> httpx.Client:
    """Make a client for one outside system; the caller closes it."""
    return open_client(base_url=base_url, headers=headers | {"Accept-Encoding": _PACKING}, timeout=TIMEOUT)


def path_part(text: str) -> str:
    """Write a text as one part of a path; Permanent where it would be read as a step, which leads elsewhere."""
    if text in {"", ".", ".."}:
        raise Permanent(f"“{text}” can't stand in an address: give the id that the other side knows.")
    return quote(text, safe="")


def get_json(client: httpx.Client, path: str, *, service: str, **options: Any) -> Any:
    """Read JSON, numbers exact.

    Raises Retryable for whatever may heal by itself (no connection, time-out, 429, 5xx, a body that is no JSON),
    Refused where the credentials will not do and Permanent for any other refusal or an answer that is too long; the
    message names the service and never the request's headers.
    """
    try:
        body = _get(client, path, service, options)
    except httpx.TimeoutException:
        raise Retryable(f"{service} did not answer in time.") from None
    except httpx.HTTPError as error:
        raise Retryable(f"{service} could not be reached ({type(error).__name__}).") from None
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Retryable(f"{service} answered with something that is not JSON.") from None


def _get(client: httpx.Client, path: str, service: str, options: dict[str, Any]) -> bytes:
    # What is packed is smaller than what it unpacks to, so the bytes of the line need no room of their own.
    with (
        bounded(DEADLINE_SECONDS, MAX_BODY_BYTES + _HEADER_BYTES),
        client.stream("GET", path, **options) as answer,
    ):
        _raise_for_status(answer, service)
        try:
            return b"".join(read_pieces(answer, MAX_BODY_BYTES))
        except TooMuch:
            size = f"{MAX_BODY_BYTES:,} bytes"
            raise Permanent(f"{service} sent an answer of more than {size}, which is more than is accepted.") from None
        except zlib.error:
            raise Retryable(f"{service} answered with something that can't be unpacked.") from None


def read_pieces(answer: httpx.Response, most_bytes: int) -> Iterator[bytes]:
    """Give the body piece by piece, unpacked; TooMuch before more than so many bytes are held.

    Raises zlib.error where it is not packed as it says, or in a way that nobody asked for.
    """
    packing = answer.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"identity", _PACKING, f"x-{_PACKING}"}:
        raise zlib.error("It is packed in a way that nobody asked for.")
    unpacker = None if packing == "identity" else zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    left = most_bytes
    for raw in answer.iter_raw():
        for piece in [raw] if unpacker is None else _unpack(unpacker, raw):
            left -= len(piece)
            if left < 0:
                raise TooMuch("The answer is longer than it may be.")
            yield piece
    if unpacker is not None and not unpacker.eof:
        raise zlib.error("Its end is missing.")


def _unpack(unpacker: Any, raw: bytes) -> Iterator[bytes]:
    """Give what a piece unpacks to in small parts: a few bytes may be many megabytes, in each thread that reads."""
    while raw:
        yield unpacker.decompress(raw, _AT_ONCE)
        raw = unpacker.unconsumed_tail


def _raise_for_status(answer: httpx.Response, service: str) -> None:
    status = answer.status_code
    if status < 300:
        return
    if status == 429:
        raise Retryable(f"{service} asked us to slow down (429).", retry_after=retry_after(answer.headers))
    if status >= 500:
        raise Retryable(f"{service} failed on its side ({status}).")
    if status in {401, 403}:
        raise Refused(f"{service} refused the stored credentials ({status}): connect the account again.")
    raise Permanent(f"{service} refused the request ({status}).")


def retry_after(headers: Any) -> float | None:
    """Read a Retry-After header given in seconds, at most an hour."""
    value = str(headers.get("retry-after", ""))
    return min(float(value), 3600.0) if value.isascii() and value.isdecimal() else None
