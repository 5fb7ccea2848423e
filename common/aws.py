"""Clients of AWS whose calls keep within `common.bounds`."""

from typing import Any

import boto3

from common.bounds import bounded
from common.pools import make_bounded_pools


class _Session:
    """Sends each request, and reads an answer that is no stream, within bounds."""

    def __init__(self, session: Any, seconds: float, most_bytes: int) -> None:
        self._session, self._seconds, self._most_bytes = session, seconds, most_bytes

    def send(self, request: Any) -> Any:
        """Send a request."""
        with bounded(self._seconds, self._most_bytes):
            return self._session.send(request)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def bind(client: Any, seconds: float, most_bytes: int) -> None:
    """Bound each call of a client, which has called nobody yet; of a stream, whoever reads it bounds the reading."""
    session = client._endpoint.http_session
    # In place: the session's manager of pools holds this very mapping.
    session._pool_classes_by_scheme.update(make_bounded_pools(session._pool_classes_by_scheme))
    client._endpoint.http_session = _Session(session, seconds, most_bytes)


def open_client(service: str, seconds: float, most_bytes: int = 2_000_000, **options: Any) -> Any:
    """Open a client of a service, each call of which is bounded; the credentials are whatever boto3 finds."""
    client: Any = boto3.client(service, **options)  # type: ignore[call-overload]  # the service's name is no literal
    bind(client, seconds, most_bytes)
    return client
