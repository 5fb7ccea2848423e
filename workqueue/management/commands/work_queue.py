"""Work a queue off from a shell."""

import sys
import time
from typing import Any

from django.core.management.base import CommandParser

from common.commands import SOME_FAILED, SUCCESS, OneLineCommand, refuse
from workqueue.registry import find_queue, list_queues
from workqueue.selectors import get_depth
from workqueue.services import WorkQueue

# Rows that fall due later are left to the workers; whoever else holds a row is waited for.
_LONGEST_WAIT_SECONDS = 90.0
_LOOK_EVERY_SECONDS, _PAUSE_SECONDS = 0.5, 0.05


class Command(OneLineCommand):
    """Works off what is due in a queue, as a worker does."""

    help = (
        "Work off what is due in a queue. Ends with status 0, with 1 where rows became dead letters meanwhile, "
        "and with 2 where there is no such queue."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the queue and how long to go on."""
        parser.add_argument("name", help="the queue, as list_queues names it")
        parser.add_argument(
            "--until-empty",
            action="store_true",
            help="go on until no row is due and none is in hand; rows that fall due within 90 s are waited for",
        )

    def handle(self, *args: Any, name: str, until_empty: bool, **options: Any) -> None:
        """Work, say how many rows ended, and how many of them are dead letters now."""
        queue = find_queue(name)
        if queue is None:
            known = ", ".join(one.name for one in list_queues())
            raise refuse(f"There is no queue {name}. There are: {known}.")
        dead_before = get_depth(queue.model, queue.arrived).dead
        ended = queue.work()
        while until_empty and self._wait(queue):
            ended += queue.work()
            # What is due and locked by somebody else is looked at again, not at once.
            time.sleep(_PAUSE_SECONDS)
        dead = max(get_depth(queue.model, queue.arrived).dead - dead_before, 0)
        self.stdout.write(f"{queue.title}: {ended:,} ended, {dead:,} of them dead letters.")
        sys.exit(SOME_FAILED if dead else SUCCESS)

    def _wait(self, queue: WorkQueue[Any]) -> bool:
        """Wait until a row is due; say whether there is one, or whether nothing is left to wait for."""
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while True:
            depth = get_depth(queue.model, queue.arrived)
            if queue.list_due().exists():
                return True
            is_soon = depth.next_seconds is not None and time.monotonic() + depth.next_seconds <= deadline
            if not is_soon and not depth.leased:
                return False
            time.sleep(_LOOK_EVERY_SECONDS)
