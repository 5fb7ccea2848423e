"""Posting to an address that somebody typed: to the very address that was checked, and never on to another."""

import zlib
from collections.abc import Mapping
from contextlib import suppress

import httpx

from alerts.providers.addresses import port_of, read_url, resolve
from common.bounds import TooMuch, bounded
from common.errors import OutcomeUnknown, Permanent, Retryable
from common.http import open_client, read_pieces, retry_after

# The whole of a call, and its way to the receiver.
_SECONDS, _CONNECT_SECONDS = 10.0, 5.0
_MOST_BYTES = 200_000
# What a receiver says is kept with the attempt, for people to read: what comes at once of it.
_LONGEST_ANSWER, _ANSWER_SECONDS = 500, 1.0


def post(
    url: str, content: bytes, headers: Mapping[str, str], *, service: str, allow_private: bool = False
) -> tuple[int, str]:
    """Post and return the status, below 300, and the beginning of the answer.

    The name is resolved once and that address is called, so that it can't come to mean another one in between.
    Raises Permanent for a refused address, a redirect and a 410, Retryable for any other answer and where nothing
    was sent, OutcomeUnknown where the receiver may have it.
    """
    parts, target = read_url(url, allow_plain=allow_private), _read_target(url)
    with bounded(_SECONDS, _MOST_BYTES):
        address = resolve(target.raw_host.decode(), port_of(parts), allow_private=allow_private)[0]
        try:
            answer, said = _post(target, address, content, headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Retryable(f"{service} could not be reached ({type(error).__name__}).") from None
        except httpx.HTTPError as error:
            name = type(error).__name__
            raise OutcomeUnknown(f"{service} did not answer ({name}): it may have the message.") from None
    _raise_for_status(answer, said, service)
    return answer.status_code, said


def _post(target: httpx.URL, address: str, content: bytes, headers: Mapping[str, str]) -> tuple[httpx.Response, str]:
    with open_client(timeout=httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS), trust_env=False) as client:
        request = client.build_request(
            "POST",
            target.copy_with(host=address),
            content=content,
            headers={"Accept-Encoding": "identity", **headers, "Host": target.netloc.decode()},
            extensions={"sni_hostname": target.raw_host.decode()},
        )
        answer = client.send(request, stream=True)
        try:
            return answer, _read_beginning(answer)
        finally:
            answer.close()


def _read_target(url: str) -> httpx.URL:
    try:
        return httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise Permanent("That is no address.") from None


def _read_beginning(answer: httpx.Response) -> str:
    """Read what comes at once of the answer: the status counts, and nobody waits for the rest."""
    said = b""
    with bounded(_ANSWER_SECONDS, _MOST_BYTES), suppress(httpx.HTTPError, TooMuch, zlib.error):
        for piece in read_pieces(answer, _MOST_BYTES):
            said += piece
            if len(said) >= _LONGEST_ANSWER:
                break
    return said[:_LONGEST_ANSWER].decode(errors="replace").strip()


def _raise_for_status(answer: httpx.Response, said: str, service: str) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    quoted = f": {said[:200]}" if said else ""
    if status < 400:
        raise Permanent(f"{service} sent us on to another address ({status}), which is not followed.")
    if status == 410:
        raise Permanent(f"{service} says that nobody is there any more (410){quoted}")
    raise Retryable(f"{service} answered {status}{quoted}", retry_after=retry_after(answer.headers))
