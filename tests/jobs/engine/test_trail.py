"""What is logged while an item is worked on names its run, its job, its step and itself, in every thread."""

import json
import logging
from collections.abc import Sequence

from jobs.engine.context import Context
from jobs.registry import Job, Step
from tests.jobs.conftest import Declare
from tests.jobs.spine import begin, complete
from tests.logbook import logging_to_memory

logger = logging.getLogger("tested")


def test_what_an_item_logs_names_run_and_item(declare: Declare) -> None:
    @declare("telling", title="Telling")
    class Telling(Job):
        def keys(self) -> list[str]:
            return ["a"]

        def steps(self) -> tuple[Step, ...]:
            return Step("gather", self.gather), Step("send", self.send, each=True)

        def gather(self, keys: Sequence[str], context: Context) -> None:
            logger.info("gathering")
            context.map(lambda key: logger.info("in a thread"), keys)

        def send(self, keys: Sequence[str], context: Context) -> None:
            logger.info("sending")

    with logging_to_memory("json") as read:
        run = complete(begin("telling"))
    told = {entry["message"]: entry for entry in map(json.loads, read().splitlines())}
    where = {name: [entry.get(key) for key in ("run", "job", "step", "item")] for name, entry in told.items()}
    assert where == {
        "gathering": [run.pk, "telling", "gather", None],
        "in a thread": [run.pk, "telling", "gather", "a"],
        "sending": [run.pk, "telling", "send", "a"],
    }
