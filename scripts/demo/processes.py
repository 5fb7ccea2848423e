"""The demo's processes: started together, their lines told apart, ended together whatever happens."""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# Marks every process of a demo, so that the next one finds what a kill -9 left.
MARK = "HUNTAZE_DEMO"
_GRACE_SECONDS = 10.0
_OWN_ACCORD_SECONDS = 2.0
_COLOURS = (36, 32, 35, 33, 34, 31)
_PR_SET_PDEATHSIG = 1


class DemoError(Exception):
    """The demo can't go on; the message is for a person."""


@dataclass
class Child:
    """One process; its lines go to `log`, or to the terminal behind `prefix`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None = None
    prefix: str = ""
    rest: bytes = field(default=b"", repr=False)


class Processes:
    """All that run beside this one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._is_coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def start(self, name: str, command: Sequence[str], log: Path | None = None) -> None:
        """Start a process in a session of its own; its lines go to `log`, or to the terminal under its name."""
        if log is None:
            self._register(name, self._spawn(command, subprocess.PIPE))
            return
        with log.open("wb") as file:
            self._children.append(Child(name, self._spawn(command, file), log))

    def run(self, command: Sequence[str]) -> int:
        """Run a command in the foreground, with the terminal as its own; returns its exit status."""
        with self._foreground(command, None) as process:
            return process.wait()

    def run_and_listen(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in the foreground and print its lines; returns its exit status and its last line."""
        last = ""
        with self._foreground(command, subprocess.PIPE) as process:
            for line in process.stdout or ():
                last = line.decode(errors="replace").rstrip()
                print(last, flush=True)
            return process.wait(), last

    @contextmanager
    def _foreground(self, command: Sequence[str], output: int | None) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(  # noqa: S603 - the commands are ours
            command,
            env=self.environment,
            stdout=output,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
        )
        try:
            yield process
        except BaseException:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_OWN_ACCORD_SECONDS)  # the terminal sent it the same Ctrl-C
            _end([process], meanwhile=lambda: None)
            raise

    def wait_until(self, is_true: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for something, passing lines on and watching that every process lives.

        Raises DemoError when one ended or it took too long.
        """
        deadline = time.monotonic() + seconds
        while True:
            self.watch(0.05)
            if is_true():
                return
            if time.monotonic() > deadline:
                raise DemoError(f"{what} did not come up within {seconds:.0f} s.")

    def watch(self, seconds: float) -> None:
        """Pass on lines for that long.

        Raises DemoError when a process has ended.
        """
        self._pass_lines(seconds)
        for child in self._children:
            if (status := child.process.poll()) is not None:
                self._pass_lines(0)
                where = f"; its last words are in {child.log}" if child.log else ""
                raise DemoError(f"{child.name} ended by itself, with status {status}{where}.")

    def stop(self) -> None:
        """End all processes and their children, the last started first."""
        product = [child.process for child in self._children if child.log is None]
        outside_world = [child.process for child in self._children if child.log]
        for group in (product, outside_world):
            _end(group, meanwhile=lambda: self._pass_lines(0.05))
        for child in self._children:
            self._flush(child)
        self._children.clear()

    def _spawn(self, command: Sequence[str], output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
        )

    def _register(self, name: str, process: subprocess.Popen[bytes]) -> None:
        output = process.stdout
        if output is None:
            raise DemoError(f"{name} has no output to read.")
        os.set_blocking(output.fileno(), False)
        colour = _COLOURS[len(self._children) % len(_COLOURS)]
        label = f"{name:7}| "
        child = Child(name, process, prefix=f"\x1b[{colour}m{label}\x1b[0m" if self._is_coloured else label)
        self._selector.register(output, selectors.EVENT_READ, child)
        self._children.append(child)

    def _pass_lines(self, seconds: float) -> None:
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            chunk = os.read(key.fd, 65_536)
            if not chunk:
                self._selector.unregister(key.fileobj)
            *lines, child.rest = (child.rest + chunk).split(b"\n")
            for line in lines:
                print(child.prefix + line.decode(errors="replace"), flush=True)

    def _flush(self, child: Child) -> None:
        if child.rest:
            print(child.prefix + child.rest.decode(errors="replace"), flush=True)


def end_leftovers(mark: str) -> list[int]:
    """End the processes that an earlier demo with this mark left behind; returns their ids."""
    pids = _find_marked(mark)
    for step in (signal.SIGTERM, signal.SIGKILL):
        for pid in _find_marked(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, step)
        deadline = time.monotonic() + _GRACE_SECONDS
        while _find_marked(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
    return sorted(pids)


def _find_marked(mark: str) -> list[int]:
    wanted = f"{MARK}={mark}".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (directory / "environ").read_bytes().split(b"\0"):
                found.append(int(directory.name))
    return found


def _end(processes: Sequence[subprocess.Popen[bytes]], meanwhile: Callable[[], None]) -> None:
    """Ask the processes to end, wait, then kill what remains of them and of their children."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        meanwhile()
        time.sleep(0.01)
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does first: on Linux, ask for a SIGTERM when its parent dies, even by a kill -9."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask
