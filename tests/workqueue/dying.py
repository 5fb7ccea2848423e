"""A queue whose workers leave a line for each effect, and die or sleep where a test says so."""

import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from onlyfans.models import ResultFile
from workqueue.retries import RetryPolicy
from workqueue.services import Bell, Outcome, WorkQueue


class DyingQueue(WorkQueue[ResultFile]):
    """What it does to a row is a line on the sheet: the row and the token.

    At the point (`claimed`, `effect`, `outcome`) of the victim, or of any row, it dies by SIGKILL; at `asleep` it stops
    itself after the effect.
    """

    name, title, model = "dying", "Dying", ResultFile
    bell = Bell("nobody.listens", "nowhere")
    policy = RetryPolicy(attempts=3, base_seconds=0, longest_seconds=0)
    # It ends when a test says so.
    lease_seconds = 3600.0

    def __init__(self, sheet: Path, point: str, victim: int | None) -> None:
        self.sheet, self.point, self.victim = sheet, point, victim

    @property
    def batch_size(self) -> int:
        """Take rows one by one, but for a victim among others."""
        return 3 if self.victim else 1

    def process(self, row: ResultFile) -> Outcome[ResultFile]:
        """Leave a line."""
        self._reach("claimed", row)
        with self.sheet.open("a") as lines:
            lines.write(f"{row.pk} {row.token}\n")
        self._reach("effect", row)
        return Outcome(row, ResultFile.Status.DONE, values={"brought": {"by": row.token}})

    def write(self, outcomes: Sequence[Outcome[ResultFile]]) -> int:
        """Write, and then perhaps die."""
        ended = super().write(outcomes)
        for outcome in outcomes:
            self._reach("outcome", outcome.row)
        return ended

    def _reach(self, here: str, row: ResultFile) -> None:
        if self.victim in (None, row.pk):
            if here == self.point:
                os.kill(os.getpid(), signal.SIGKILL)
            if (here, self.point) == ("effect", "asleep"):
                os.kill(os.getpid(), signal.SIGSTOP)


class CarelessQueue(DyingQueue):
    """It claims without a lease, once another worker has claimed as well."""

    def claim(self, limit: int, ids: Iterable[int] | None = None) -> list[ResultFile]:
        """Take what is due and tell nobody."""
        rows = list(self.list_due(ids)[:3])
        place = self.sheet.parent
        (place / f"{os.getpid()}.claimed").touch()
        while len(list(place.glob("*.claimed"))) < 2:
            time.sleep(0.01)
        return rows
