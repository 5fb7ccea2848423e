"""Clients of AWS whose calls keep within `common.bounds`."""

import socket
from typing import Any

import boto3

from common.bounds import BoundedSocket, bounded, limit, make_bounded


class _Connection:
    """Mixed into the library's connections: makes their sockets bounded."""

    ssl_context: Any = None
    timeout: Any

    def connect(self) -> None:
        """Connect, and let the connection be bounded with TLS, too."""
        if self.ssl_context is not None:
            make_bounded(self.ssl_context)
        usual, self.timeout = self.timeout, limit(self.timeout)
        try:
            super().connect()  # type: ignore[misc]  # the library's
        finally:
            self.timeout = usual

    def _new_conn(self) -> socket.socket:
        return BoundedSocket.adopt(super()._new_conn())  # type: ignore[misc]  # the library's


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
    for scheme, pool in session._pool_classes_by_scheme.items():
        connection = type(pool.ConnectionCls.__name__, (_Connection, pool.ConnectionCls), {})
        session._pool_classes_by_scheme[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
    client._endpoint.http_session = _Session(session, seconds, most_bytes)


def open_client(service: str, seconds: float, most_bytes: int = 2_000_000, **options: Any) -> Any:
    """Open a client of a service, each call of which is bounded; the credentials are whatever boto3 finds."""
    client: Any = boto3.client(service, **options)  # type: ignore[call-overload]  # the service's name is no literal
    bind(client, seconds, most_bytes)
    return client
