"""The tests' side of the driver: what children to let loose, and how they ended."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_HEALERS = 2
# With one thread, effects come in one order.
ONE_THREAD = {"settings": {"JOBS_THREADS": 1}}


class Fleet:
    """Workers in processes of their own, forked from one driver."""

    def __init__(self, environment: dict[str, str], log: Path, ports: dict[int, str]) -> None:
        self.ports, self._environment, self._log = ports, environment, log
        self.effects: dict[str, list[str]] = {}
        self._driver = self.spawn("-m", "tests.concurrency.processes")

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start Python on something, in a process group of its own, with the outside world's addresses."""
        with self._log.open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=os.environ | self._environment | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def let_loose(self, *specs: dict[str, Any]) -> list[dict[str, Any]]:
        """Let children begin together, and tell how each ended."""
        self.begin(*specs)
        return self.await_ends()

    def begin(self, *specs: dict[str, Any]) -> None:
        """Let children begin together; `await_ends` is next."""
        assert self._driver.stdin
        with suppress(BrokenPipeError):
            self._driver.stdin.write(json.dumps(specs) + "\n")
            self._driver.stdin.flush()

    def await_ends(self) -> list[dict[str, Any]]:
        """Wait until all that began have ended, and tell how."""
        assert self._driver.stdout
        answer = self._driver.stdout.readline()
        assert answer, f"the driver ended; it said:\n{self._log.read_text()[-4000:]}"
        ends: list[dict[str, Any]] = json.loads(answer)
        return ends

    def work(self, *specs: dict[str, Any]) -> list[dict[str, Any]]:
        """Let a worker begin for each of these, all together; `runs` are its runs, one after the other."""
        return self.let_loose(*({"do": "work", **spec} for spec in specs))

    def heal(self, runs: Sequence[int]) -> None:
        """Let workers that nobody kills bring runs to their end."""
        parts = [runs[place::_HEALERS] for place in range(_HEALERS)]
        for end in self.work(*({"runs": list(part)} for part in parts if part)):
            assert all(end.get("answer", [False])), f"{end}; it said:\n{self._log.read_text()[-4000:]}"

    def end(self) -> None:
        """End the driver."""
        assert self._driver.stdin and self._driver.stdout
        self._driver.stdin.close()
        try:
            self._driver.wait(10)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()
        self._driver.stdout.close()
