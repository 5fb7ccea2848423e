"""Posting to an address that somebody typed: to the very address that was checked, and never on to another."""

from collections.abc import Mapping

import httpx

from alerts.providers.addresses import port_of, read_url, resolve
from common.errors import OutcomeUnknown, Permanent, Retryable
from common.http import retry_after

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# What a receiver says is kept with the attempt, for people to read.
_LONGEST_ANSWER = 500


def post(
    url: str, content: bytes, headers: Mapping[str, str], *, service: str, allow_private: bool = False
) -> tuple[int, str]:
    """Post and return the status, below 300, and the beginning of the answer.

    The name is resolved once and that address is called, so that it can't come to mean another one in between.
    Raises Permanent for a refused address, a redirect and a 410, Retryable for any other answer and where nothing
    was sent, OutcomeUnknown where the receiver may have it.
    """
    parts = read_url(url, allow_plain=allow_private)
    target = _read_target(url)
    host = target.raw_host.decode()
    address = resolve(host, port_of(parts), allow_private=allow_private)[0]
    try:
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client:
            request = client.build_request(
                "POST",
                target.copy_with(host=address),
                content=content,
                headers={**headers, "Host": target.netloc.decode()},
                extensions={"sni_hostname": host},
            )
            answer = client.send(request, stream=True)
            try:
                status, said = answer.status_code, _read_beginning(answer)
            finally:
                answer.close()
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Retryable(f"{service} could not be reached ({type(error).__name__}).") from None
    except httpx.HTTPError as error:
        raise OutcomeUnknown(f"{service} did not answer ({type(error).__name__}): it may have the message.") from None
    _raise_for_status(answer, status, said, service)
    return status, said


def _read_target(url: str) -> httpx.URL:
    try:
        return httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise Permanent("That is no address.") from None


def _read_beginning(answer: httpx.Response) -> str:
    """Read what comes at once of the answer: the status counts, and nobody waits for the rest."""
    try:
        said = next(answer.iter_bytes(_LONGEST_ANSWER), b"")
    except httpx.HTTPError:
        return ""
    return said[:_LONGEST_ANSWER].decode(errors="replace").strip()


def _raise_for_status(answer: httpx.Response, status: int, said: str, service: str) -> None:
    if 200 <= status < 300:
        return
    quoted = f": {said[:200]}" if said else ""
    if status < 400:
        raise Permanent(f"{service} sent us on to another address ({status}), which is not followed.")
    if status == 410:
        raise Permanent(f"{service} says that nobody is there any more (410){quoted}")
    raise Retryable(f"{service} answered {status}{quoted}", retry_after=retry_after(answer.headers))
