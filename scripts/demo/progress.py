"""How far the demo is: which step of how many, how long it has taken, and whether anything is left to load."""

import hashlib
import time
from pathlib import Path

import psycopg

from scripts.demo.holding import say

_BILLED = """
    SELECT EXISTS (
        SELECT 1 FROM jobs_jobrun WHERE job = 'monthly-billing' AND NOT dry_run AND finished_at IS NOT NULL
        AND params->>'month' = %s AND params->'organizations' = '[]'
    )
"""


class Progress:
    """Counts the steps of a start."""

    def __init__(self, steps: int) -> None:
        self._steps, self._done, self._began_at = steps, 0, time.monotonic()

    def say(self, text: str) -> None:
        """Say what the next step does, which one it is, and how long all has taken."""
        self._done += 1
        say(f"[{self._done}/{self._steps}, {time.monotonic() - self._began_at:.0f} s] {text}")


def fingerprint(root: Path) -> str:
    """Return what changes whenever a migration comes or a package that may bring one is installed."""
    names = sorted(str(file.relative_to(root)) for file in root.glob("*/migrations/*.py"))
    installed = root / ".venv" / "installed-requirements.txt"
    pinned = installed.read_bytes() if installed.exists() else b""
    return hashlib.sha256("\n".join(names).encode() + pinned).hexdigest()


def is_billed(database_url: str, month: str) -> bool:
    """Return whether a month was billed by an earlier start; asked of the database, without loading Django."""
    with psycopg.connect(database_url) as connection:
        try:
            row = connection.execute(_BILLED, [month]).fetchone()
        except psycopg.errors.UndefinedTable:
            return False
    return bool(row and row[0])
