"""One way to call out: bounded in time, never following redirects, failing in one of the four kinds."""

import json
from decimal import Decimal
from typing import Any

import httpx

from common.errors import Permanent, Retryable

# Reading may take longer than connecting: a host that does not answer at all should be known soon.
TIMEOUT = httpx.Timeout(20.0, connect=5.0)
MAX_BODY_BYTES = 5_000_000


class Refused(Permanent):
    """The other side does not take the credentials that were sent, and will not until there are others."""


def new_client(base_url: str, headers: dict[str, str]) -> httpx.Client:
    """Make a client for one outside system; the caller closes it."""
    return httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT, follow_redirects=False)


def get_json(client: httpx.Client, path: str, *, service: str, **options: Any) -> Any:
    """Read JSON, numbers exact.

    Raises Retryable for whatever may heal by itself (no connection, time-out, 429, 5xx, a body that is no JSON),
    Refused where the credentials will not do and Permanent for any other refusal; the message names the service and
    never the request's headers.
    """
    try:
        answer = client.get(path, **options)
    except httpx.TimeoutException:
        raise Retryable(f"{service} did not answer in time.") from None
    except httpx.HTTPError as error:
        raise Retryable(f"{service} could not be reached ({type(error).__name__}).") from None
    _raise_for_status(answer, service)
    if len(answer.content) > MAX_BODY_BYTES:
        raise Permanent(f"{service} sent an answer of {len(answer.content)} bytes, more than is accepted.")
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        raise Retryable(f"{service} answered with something that is not JSON.") from None


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
