"""Both servers in one event loop: HTTP for Stripe, the gateway, the pages and the controls; SMTP for mail."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from sandbox import control, hooks, mail, pages
from sandbox.exchange import Protocol
from sandbox.stripe import pages as stripe_pages
from sandbox.world import World, make_world

_STARTED_WITHIN = 20.0
_METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]


def make_app(world: World) -> Starlette:
    """The HTTP side."""
    return Starlette(
        routes=[
            Route("/stripe/v1/{rest:path}", world.stripe.__call__, methods=_METHODS),
            Route("/onlyfans/api/{account}/statistics/statements/earnings", world.gateway.__call__, methods=["GET"]),
            Route("/onlyfans/api/{account}/transactions", world.gateway.__call__, methods=["GET"]),
            *stripe_pages.routes(world.stripe),
            *pages.routes(world),
            *hooks.routes(world.hooks),
            *control.routes(world),
        ]
    )


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to whoever runs the loop."""
        yield


class Sandbox:
    """The running servers."""

    def __init__(self, port: int = 0, smtp_port: int = 0, data_dir: Path | None = None) -> None:
        self._port, self._wanted_smtp_port, self._data_dir = port, smtp_port, data_dir
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        self.http_url = ""
        self.smtp_host, self.smtp_port = "127.0.0.1", 0

    async def serve(self, ready: Callable[[], object]) -> None:
        """Serves until `stop`; calls `ready` once both addresses answer."""
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        listener = _listen(self._port)
        world = make_world(self._data_dir)
        self.http_url = world.stripe.world.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        smtp = await mail.start(world.mailbox, self._wanted_smtp_port)
        self.smtp_port = smtp.sockets[0].getsockname()[1]
        config = uvicorn.Config(
            make_app(world),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        delivering = asyncio.create_task(world.stripe.webhooks.run())
        try:
            while not server.started and not serving.done():
                await asyncio.sleep(0.005)
            ready()
            await asyncio.wait([serving, asyncio.create_task(stopping.wait())], return_when=asyncio.FIRST_COMPLETED)
        finally:
            world.network.closing.set()
            delivering.cancel()
            server.should_exit = True
            await serving
            smtp.close()
            world.store.close()
            world.mailbox.close()
            world.hooks.close()

    def start(self) -> Self:
        """Serves from a thread of this process. Raises RuntimeError when it cannot."""
        started = threading.Event()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                asyncio.run(self.serve(started.set))
            except BaseException as error:
                failures.append(error)
            started.set()

        self._thread = threading.Thread(target=work, name="sandbox", daemon=True)
        self._thread.start()
        if not started.wait(_STARTED_WITHIN) or failures:
            raise RuntimeError("the sandbox did not start") from (failures[0] if failures else None)
        return self

    def stop(self) -> None:
        """Stops, and returns once both ports are free."""
        self._stop()
        if self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def smtp_address(self) -> str:
        return f"{self.smtp_host}:{self.smtp_port}"


def run(port: int = 0, smtp_port: int = 0, data_dir: Path | None = None) -> Sandbox:
    """A started sandbox in a thread of this process: call `stop`, or use it in a `with` statement."""
    return Sandbox(port, smtp_port, data_dir).start()


def _listen(port: int) -> socket.socket:
    # The protocol is named so that asyncio knows TCP and sends small answers at once.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener
