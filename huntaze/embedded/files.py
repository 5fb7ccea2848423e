"""Files that several processes read and write at once."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TAIL_LINES = 12


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let one process at a time past; the others wait. The lock dies with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_held(path: Path) -> bool:
    """Whether a living process holds the exclusive lock on the file."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def wait_released(path: Path, seconds: float) -> bool:
    """Wait until nobody holds the file's lock; False when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def replace(path: Path, text: str) -> None:
    """Write the file so that a reader sees the old text or the new one, never a part."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def tail(path: Path) -> str:
    """The last lines of a log, indented, for an error message; empty when there is none."""
    try:
        lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in lines)
