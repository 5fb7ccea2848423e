"""Pools of urllib3's connections that keep within `common.bounds`: boto3 and Stripe's library use them."""

import socket
from collections.abc import Mapping
from typing import Any

from common.bounds import BoundedSocket, limit, make_bounded


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


def make_bounded_pools(classes: Mapping[str, Any]) -> dict[str, Any]:
    """Derive from a library's classes of pools, by scheme, such whose connections are bounded."""
    found = {}
    for scheme, pool in classes.items():
        connection = type(pool.ConnectionCls.__name__, (_Connection, pool.ConnectionCls), {})
        found[scheme] = type(pool.__name__, (pool,), {"ConnectionCls": connection})
    return found


def bound_pools(manager: Any) -> None:
    """Let the pools that a manager of urllib3 will make be bounded; a second time changes nothing."""
    if not getattr(manager, "_is_bounded", False):
        manager.pool_classes_by_scheme = make_bounded_pools(manager.pool_classes_by_scheme)
        manager._is_bounded = True
