"""Real processes that look and send, begun together and killed by the tests."""

import os
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

    def __init__(self, *words: str, **variables: str) -> None:
        server = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
        environment = os.environ | {
            "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
            "ALERTS_ALLOW_PRIVATE_ADDRESSES": "1",
            # Longer than any test: a lease ends when a test says so.
            "ALERTS_LEASE_SECONDS": "3600",
            **variables,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.alerts.worker", *words],
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

    def end(self) -> int:
        """Wait for its end and return its status: -9 where it was killed."""
        return self._process.wait(_PATIENCE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
