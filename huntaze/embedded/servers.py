"""Both servers together: their addresses, starting, stopping."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from huntaze.embedded import ports
from huntaze.embedded.errors import StartFailedError
from huntaze.embedded.files import exclusive
from huntaze.embedded.postgres import Postgres
from huntaze.embedded.valkey import Valkey

type Server = Postgres | Valkey

# The children of a killed postmaster need about a second to notice.
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Addresses:
    """Where the two servers listen."""

    database_url: str
    redis_url: str


@dataclass(frozen=True)
class Status:
    """What one server does now; `url` is where it listens, or would."""

    name: str
    is_running: bool
    url: str
    home: Path


def addresses(data_dir: Path) -> Addresses:
    """The servers' addresses, without starting any: where they listen, else where they will."""
    data_dir = data_dir.absolute()
    return Addresses(*(server.url(_settle_port(server, data_dir)) for server in _servers(data_dir)))


def ensure(data_dir: Path) -> Addresses:
    """Start what does not run, and return when both servers accept connections.

    Raises EmbeddedError when that fails.
    """
    data_dir = data_dir.absolute()
    for server in _servers(data_dir):
        if not _is_up(server):
            with exclusive(_lock(data_dir, server)):
                _bring_up(server, data_dir)
    return addresses(data_dir)


def stop(data_dir: Path) -> None:
    """Stop both servers and wait until they are gone; their data stay."""
    data_dir = data_dir.absolute()
    for server in reversed(_servers(data_dir)):
        with exclusive(_lock(data_dir, server)):
            server.stop()


def reset(data_dir: Path) -> None:
    """Stop both servers and delete their data."""
    data_dir = data_dir.absolute()
    stop(data_dir)
    postgres, valkey = _servers(data_dir)
    postgres.remove()
    shutil.rmtree(valkey.home, ignore_errors=True)
    (data_dir / "ports.json").unlink(missing_ok=True)


def status(data_dir: Path) -> list[Status]:
    """What each server does now."""
    data_dir = data_dir.absolute()
    return [
        Status(server.name, _is_up(server), server.url(_settle_port(server, data_dir)), server.home.resolve())
        for server in _servers(data_dir)
    ]


def _servers(data_dir: Path) -> tuple[Postgres, Valkey]:
    return Postgres(data_dir / "postgres"), Valkey(data_dir / "valkey")


def _lock(data_dir: Path, server: Server) -> Path:
    return data_dir / f"{server.name}.lock"


def _is_up(server: Server) -> bool:
    port = server.running_port()
    return port is not None and server.is_ready(port)


def _settle_port(server: Server, data_dir: Path) -> int:
    """The port of the running server, else the one it will have."""
    running = server.running_port()
    if running is None and not ports.is_free(ports.load(data_dir).get(server.name, 0)):
        # Either a stranger took the remembered port, or the server came up since we asked.
        running = server.running_port()
    if running is None:
        return ports.claim(data_dir, server.name)
    if ports.load(data_dir).get(server.name) != running:
        ports.remember(data_dir, server.name, running)
    return running


def _bring_up(server: Server, data_dir: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _is_up(server):
        try:
            server.start(_settle_port(server, data_dir))
        except StartFailedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
