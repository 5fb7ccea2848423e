"""Which ports the servers use: chosen once, remembered, chosen again when another program took one."""

import json
import random
import socket
from pathlib import Path

from huntaze.embedded.errors import EmbeddedError
from huntaze.embedded.files import exclusive, replace

# Below the range from which systems take the ports of outgoing connections.
_FIRST, _LAST = 15_000, 29_999
_ATTEMPTS = 200


def load(data_dir: Path) -> dict[str, int]:
    """The remembered ports by server; empty when there are none or the file is damaged."""
    try:
        content = json.loads((data_dir / "ports.json").read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: port for name, port in content.items() if isinstance(port, int) and 0 < port < 65_536}


def remember(data_dir: Path, name: str, port: int) -> None:
    """Keep the port that a server has."""
    with exclusive(data_dir / "ports.lock"):
        _write(data_dir, {**load(data_dir), name: port})


def claim(data_dir: Path, name: str) -> int:
    """The remembered port while nobody listens there, else a new one, which is remembered from now on."""
    port = load(data_dir).get(name)
    if port and is_free(port):
        return port
    with exclusive(data_dir / "ports.lock"):
        known = load(data_dir)
        port = known.get(name)
        if port is None or not is_free(port):
            port = _choose(avoid=set(known.values()))
            _write(data_dir, {**known, name: port})
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on the port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _choose(avoid: set[int]) -> int:
    for _ in range(_ATTEMPTS):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - no secret, only unlikely to collide
        if port not in avoid and is_free(port):
            return port
    raise EmbeddedError(f"No free port found between {_FIRST} and {_LAST} on 127.0.0.1.")


def _write(data_dir: Path, known: dict[str, int]) -> None:
    replace(data_dir / "ports.json", json.dumps(known, indent=1) + "\n")
