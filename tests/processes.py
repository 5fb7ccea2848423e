"""Real processes that work, begun together and killed by the tests."""

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from django.db import connection

from tests.commandline import ROOT

_PATIENCE = 60


class Worker(AbstractContextManager["Worker"]):
    """One process; it waits, loaded and connected to nothing, until it is told to begin."""

    def __init__(self, module: str, *words: str, **variables: str) -> None:
        server = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
        environment = os.environ | {
            "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
            **variables,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self) -> Self:
        assert self._process.stdin and self._process.stdout
        assert self._process.stdout.readline() == "ready\n"
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self

    def kill(self) -> None:
        self._process.kill()
        assert self._process.wait(_PATIENCE) == -9

    def wait_until_it_sleeps(self) -> None:
        """Wait until it stopped itself."""
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def wake(self) -> Self:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)
        return self

    def end(self) -> int:
        """Wait for its end and return its status: -9 where it was killed."""
        return self._process.wait(_PATIENCE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
