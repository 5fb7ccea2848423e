"""How Stripe's library reaches Stripe: each call has a deadline for all of it, and a bound on what comes."""

from typing import Any

import stripe
from requests import Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ContentDecodingError

from common.bounds import bounded
from common.pools import bound_pools

# A hundred invoices with their lines take less.
_MOST_BYTES = 20_000_000
_PLAIN = "identity"


class _Adapter(HTTPAdapter):
    """Bounds its connections, and takes no answer that would have to be unpacked: those are counted as they come."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options)
        bound_pools(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        """Make the pools of a proxy."""
        manager = super().proxy_manager_for(*arguments, **options)
        bound_pools(manager)
        return manager

    def send(self, *arguments: Any, **options: Any) -> Response:
        """Send a request; nothing of the answer's body is read yet."""
        response = super().send(*arguments, **options)
        if response.headers.get("Content-Encoding", _PLAIN) != _PLAIN:
            response.close()
            raise ContentDecodingError("The answer is packed, though that was not asked for.")
        return response


class BoundedClient(stripe.RequestsClient):
    """The library's client, each call of which is bounded."""

    def __init__(self, timeout: float, seconds: float) -> None:
        super().__init__(timeout=timeout)
        self._seconds = seconds

    def request(self, *arguments: Any, **options: Any) -> Any:
        """Make a call and read the whole answer."""
        # The library keeps a session for each thread, since they are not to be shared; it takes what it finds there.
        if getattr(self._thread_local, "session", None) is None:
            self._thread_local.session = _open_session()
        with bounded(self._seconds, _MOST_BYTES):
            return super().request(*arguments, **options)


def _open_session() -> Session:
    session = Session()
    session.headers["Accept-Encoding"] = _PLAIN
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session
