"""Show how the work queues stand."""

from typing import Any

from common.commands import OneLineCommand
from workqueue.registry import list_queues
from workqueue.selectors import get_depth

_HEADS = ("queue", "waiting", "oldest", "in hand", "dead")


class Command(OneLineCommand):
    """Prints a line a work queue: what waits and since when, what is being worked on, and what came to nothing."""

    help = "Show each work queue: rows that wait, how long the oldest has been due, rows in hand, and dead letters."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the table."""
        self._print(_HEADS)
        for queue in list_queues():
            depth = get_depth(queue.model, queue.arrived)
            figures = (f"{depth.waiting:,}", f"{depth.oldest_seconds:,.0f} s", f"{depth.leased:,}", f"{depth.dead:,}")
            self._print((queue.name, *figures))

    def _print(self, cells: tuple[str, ...]) -> None:
        name, *rest = cells
        self.stdout.write(f"{name:<20}" + "".join(f"{cell:>12}" for cell in rest))
