"""One demo a checkout: who runs it is written down, so that the next one can name and end it."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from scripts.demo.processes import DemoError, end_leftovers

_ENDS_WITHIN_SECONDS = 60.0


def say(text: str) -> None:
    """Tell the person at the terminal what happens."""
    print(f"demo: {text}", flush=True)


@contextmanager
def only_demo(data_dir: Path, port: int) -> Iterator[None]:
    """Refuse a second demo of the same checkout, and end what a killed one left."""
    data_dir.mkdir(exist_ok=True)
    with _open(data_dir) as lock:
        if not _take(lock):
            raise DemoError(f"A demo of this checkout is already running: {_read(lock)}. End it with: make stop")
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on port {port}")
        lock.flush()
        _end_leftovers(data_dir)
        yield


def end_running(data_dir: Path) -> None:
    """End the demo of this checkout, wherever it was started, and what a killed one left; nothing where none runs."""
    if not data_dir.exists():
        return
    with _open(data_dir) as lock:
        if not _take(lock):
            holder = _read(lock)
            say(f"ending {holder}")
            _end(int(holder.split()[1]), lock)
        _end_leftovers(data_dir)


def _open(data_dir: Path) -> IO[str]:
    return (data_dir / "demo.lock").open("a+")


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(lock: IO[str]) -> str:
    """Return who holds the lock, with its process id and port."""
    lock.seek(0)
    return lock.read().strip()


def _end(pid: int, lock: IO[str]) -> None:
    """Ask a demo to end, in order; kill it where it does not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _ENDS_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if _take(lock):
                return
            time.sleep(0.1)
    raise DemoError(f"Process {pid} does not end. End it by hand: kill -9 {pid}")


def _end_leftovers(data_dir: Path) -> None:
    if pids := end_leftovers(str(data_dir)):
        which = "process" if len(pids) == 1 else "processes"
        say(f"ended {which} {', '.join(map(str, pids))}, left by a demo that was killed")
