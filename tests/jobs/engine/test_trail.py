"""What is logged while an item is worked on names its run, its job, its step and itself, in every thread."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from common.trail import current, of_error
from jobs.engine import work
from jobs.engine.context import Context
from jobs.models import JobRun
from jobs.registry import Job, Step
from tests.jobs.conftest import Declare
from tests.jobs.spine import begin, complete, counts
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


class _Heard(logging.Handler):
    """Keeps what the engine says, with what was bound meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[int, dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append((record.levelno, dict(current())))


@pytest.mark.parametrize("each", [True, False])
def test_many_items_that_fail_alike_are_one_error_and_each_names_itself(declare: Declare, each: bool) -> None:
    @declare("falling", title="Falling")
    class Falling(Job):
        def keys(self) -> list[str]:
            return ["a", "b", "c", "d"]

        def steps(self) -> tuple[Step, ...]:
            return (Step("fall", self.fall, each=each),)

        def fall(self, keys: Sequence[str], context: Context) -> None:
            raise KeyError(keys[0])

    heard, outcomes = _Heard(), logging.getLogger("jobs.engine.outcomes")
    outcomes.addHandler(heard)
    try:
        runs = [complete(begin("falling")) for _ in range(2)]
    finally:
        outcomes.removeHandler(heard)
    assert [counts(run) for run in runs] == [(4, 0, 0, 4)] * 2
    for run in runs:
        mine = [(level, trail) for level, trail in heard.said if trail["run"] == run.pk]
        assert sorted(level for level, _ in mine) == [logging.WARNING] * 3 + [logging.ERROR]
        assert sorted(trail["item"] for _, trail in mine) == ["a", "b", "c", "d"]
        assert {trail["step"] for _, trail in mine} == {"fall"}


def test_what_ends_a_worker_says_in_which_run(declare: Declare) -> None:
    @declare("gone", title="Gone")
    class Gone(Job):
        def keys(self) -> list[str]:
            return ["a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            """Never gets here."""

    run = begin("gone")
    JobRun.objects.filter(pk=run.pk).update(params={"nobody": "declares this"})
    with pytest.raises(ValidationError) as outside:
        work(run.pk)
    assert of_error(outside.value)["run"] == run.pk
