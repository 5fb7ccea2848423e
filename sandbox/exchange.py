"""What every HTTP service here shares: the log of requests, delays, and ways to break off."""

import asyncio
import re
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.faults import Fault, Faults

_REMEMBERED = 20_000
_transports: dict[Any, asyncio.Transport] = {}


class Protocol(HttpToolsProtocol):
    """HTTP whose connections can be cut without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        _transports[transport.get_extra_info("peername")] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop(self.transport.get_extra_info("peername"), None)
        super().connection_lost(exc)


class Network:
    """The faults in force and the requests seen."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.requests: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self.closing = asyncio.Event()

    def begin(self, service: str, request: Request, path: str, params: str) -> "Exchange":
        """Writes a request down and finds the fault that awaits it; `params` is its query or form."""
        entry: dict[str, Any] = {
            "at": time.time(),
            "service": service,
            "method": request.method,
            "path": path,
            "params": dict(parse_qsl(params, keep_blank_values=True)),
            "key": None,
            "object": None,
            "status": None,
            "replayed": False,
        }
        self.requests.append(entry)
        fault = self.faults.take(service, request.method, path, unquote_plus(params))
        entry["fault"] = fault.action if fault else None
        return Exchange(self, request, entry, fault)

    def select(self, limit: int = 1000, **filters: str) -> list[dict[str, Any]]:
        """Requests in the order in which they came; a filter is a value, for `path` a regular expression."""
        path = filters.pop("path", "")
        found = [
            entry
            for entry in self.requests
            if re.search(path, entry["path"]) and all(str(entry.get(name)) == value for name, value in filters.items())
        ]
        return found[-limit:]


class Exchange:
    """One request on its way through a service."""

    def __init__(self, network: Network, request: Request, entry: dict[str, Any], fault: Fault | None) -> None:
        self.network, self.request, self.entry, self.fault = network, request, entry, fault

    def note(self, **values: Any) -> None:
        """Adds to the log's entry of this request, with the time that it has taken so far."""
        self.entry.update(values, seconds=time.time() - self.entry["at"])

    async def delay(self) -> None:
        """Waits as long as this service's answers are set to take."""
        await self.network.faults.delay(self.entry["service"])

    async def break_off(self, fault: Fault) -> Response:
        """Hangs, cuts the connection or answers garbage, as the fault says."""
        if fault.action == "garbage":
            return Response("<html><body><h1>502 Bad Gateway</h1>", fault.status, media_type="text/html")
        if fault.action.startswith("hang"):
            await self._hang(fault.seconds)
        client = self.request.client
        transport = _transports.get((client.host, client.port)) if client else None
        if transport:
            transport.abort()
        return Response(status_code=500)

    async def _hang(self, seconds: float) -> None:
        """Until the caller hangs up, the time is over, or the sandbox stops."""
        waits = [asyncio.create_task(self._disconnected()), asyncio.create_task(self.network.closing.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()

    async def _disconnected(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass
