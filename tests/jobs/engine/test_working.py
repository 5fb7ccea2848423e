"""Working on a run: every expected item comes to one end, counted exactly, by any number of workers."""

from collections.abc import Sequence
from threading import Barrier, get_ident
from typing import Any

import pytest

from jobs.engine import work
from jobs.engine.context import Context
from jobs.models import JobItem, JobRun
from jobs.registry import Job, JobParams, Step
from jobs.services import expand_run
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, complete, counts, effects, elsewhere, items, run_job, statuses


def test_every_item_comes_to_an_end_and_is_counted(declare: Declare) -> None:
    @declare("counted", title="Counted", batch_size=7)
    class Counted(Job):
        def keys(self) -> Sequence[str]:
            return [f"{number:02}" for number in range(50)]

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(",".join(keys), "batch")
            for key in keys:
                if key.endswith("3"):
                    context.skip(key, "Not this one.", why="three")
                elif key.endswith("4"):
                    raise ValueError("four")

    run = run_job("counted")
    assert (run.status, counts(run)) == ("partial", (50, 40, 5, 5))
    assert (run.missing, run.percent, run.ended) == (0, 100, 50)
    assert run.started_at and run.finished_at and run.started_at <= run.finished_at
    assert max(batch.count(",") for batch in effects("batch")) == 6
    skipped = items(run)["03"]
    assert (skipped.status, skipped.result) == ("skipped", {"note": "Not this one.", "why": "three"})


@pytest.mark.parametrize(
    ("failing", "status"), [("", "succeeded"), ("b", "partial"), ("abc", "failed")], ids=["none", "some", "all"]
)
def test_a_run_ends_by_what_became_of_its_items(declare: Declare, failing: str, status: str) -> None:
    @declare("ends", title="Ends")
    class Ends(Job):
        def keys(self) -> Sequence[str]:
            return list("abc")

        def process(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                if key in failing:
                    raise ValueError(key)

    run = run_job("ends")
    assert (run.status, run.failed) == (status, len(failing))


def test_a_run_that_expects_nothing_has_nothing_to_do(declare: Declare) -> None:
    @declare("idle", title="Idle")
    class Idle(Job):
        def keys(self) -> Sequence[str]:
            return []

        def process(self, keys: Sequence[str], context: Context) -> None:
            act("called")

    run = run_job("idle")
    assert (run.status, counts(run), run.percent) == ("nothing_to_do", (0, 0, 0, 0), 100)
    assert effects() == []


def test_steps_are_recorded_in_their_order(declare: Declare) -> None:
    @declare("steps", title="Steps")
    class Steps(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b"]

        def steps(self) -> Sequence[Step]:
            return (
                Step("gather", self.gather),
                Step("write", self.write, atomic=True),
                Step("send", self.send, each=True),
                Step("tell", self.tell, each=True),
            )

        def gather(self, keys: Sequence[str], context: Context) -> None:
            context.scratch["sum"] = len(keys)

        def write(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                context.note(key, total=context.scratch["sum"])

        def send(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0], "sent")

        def tell(self, keys: Sequence[str], context: Context) -> None:
            assert effects("sent").count(keys[0]) == 1
            context.note(keys[0], told=True)

    run = run_job("steps")
    assert run.status == "succeeded"
    for item in items(run).values():
        assert item.result == {"total": 2, "told": True}
        assert (item.step, item.error, item.attempts) == ("tell", "", 0)
        assert [(step["name"], step["status"], step["attempts"], step["errors"]) for step in item.history] == [
            (name, "done", 1, []) for name in ("gather", "write", "send", "tell")
        ]
        assert all(step["seconds"] >= 0 and step["started_at"].endswith("Z") for step in item.history)


def test_each_key_goes_its_own_way_through_steps_of_its_own(declare: Declare) -> None:
    """Several at once: each waits in its step for another to be there too."""
    together = Barrier(2, timeout=10)

    @declare("threads", title="Threads")
    class Threads(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b"]

        def steps(self) -> Sequence[Step]:
            return (Step("meet", self.meet, each=True),)

        def meet(self, keys: Sequence[str], context: Context) -> None:
            together.wait()
            context.note(keys[0], thread=get_ident())

    run = run_job("threads")
    assert run.status == "succeeded"
    assert len({item.result["thread"] for item in items(run).values()}) == 2


def test_items_of_one_batch_are_mapped_over_threads_and_fail_alone(declare: Declare) -> None:
    @declare("mapped", title="Mapped")
    class Mapped(Job):
        def keys(self) -> Sequence[str]:
            return list("abcd")

        def process(self, keys: Sequence[str], context: Context) -> None:
            def pull(key: str) -> None:
                if key == "c":
                    raise ValueError("no c today")
                act(key)

            context.map(pull, keys)

    run = run_job("mapped")
    assert sorted(effects()) == ["a", "b", "d"]
    assert statuses(run) == {"a": "done", "b": "done", "c": "failed", "d": "done"}
    assert items(run)["c"].error == "Unforeseen ValueError: no c today"


def test_several_workers_share_a_run_and_each_item_is_done_once(declare: Declare) -> None:
    @declare("shared", title="Shared", batch_size=3)
    class Shared(Job):
        def keys(self) -> Sequence[str]:
            return [f"{number:03}" for number in range(60)]

        def process(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key)

        def summarize(self, run: JobRun) -> dict[str, Any]:
            act("summary", "ended")
            return {"done": run.done}

        def finish(self, run: JobRun) -> None:
            act("finish", "ended")

    run = begin("shared")
    with elsewhere(lambda: work(run.pk, wait=True)), elsewhere(lambda: work(run.pk, wait=True)):
        complete(run)
    run.refresh_from_db()
    assert sorted(effects()) == [f"{number:03}" for number in range(60)]
    assert (run.status, counts(run), run.summary) == ("succeeded", (60, 60, 0, 0), {"done": 60})
    assert effects("ended") == ["summary", "finish"]
    assert {item.token for item in items(run).values()} == {1}


def test_two_workers_expand_a_run_once(declare: Declare) -> None:
    together = Barrier(2, timeout=10)

    @declare("expanded", title="Expanded")
    class Expanded(Job):
        def keys(self) -> Sequence[str]:
            act("asked")
            return list("abc")

    run = begin("expanded")

    def expand() -> None:
        together.wait()
        expand_run(run.pk)

    with elsewhere(expand):
        expand()
    assert (JobItem.objects.filter(run=run).count(), effects("done")) == (3, ["asked"])


def test_without_waiting_a_worker_leaves_when_nothing_can_be_taken(declare: Declare) -> None:
    @declare("leaves", title="Leaves", batch_size=1)
    class Leaves(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            if keys == ["a"]:
                # Another worker looks at the run while this one has “a” in hand: it does “b” and leaves.
                with elsewhere(lambda: act(str(work(context.run.pk)), "left")):
                    pass
            act(keys[0])

    run = begin("leaves")
    assert work(run.pk)
    assert (effects("left"), effects()) == (["False"], ["b", "a"])


def test_no_new_batch_is_taken_when_the_time_is_over(declare: Declare) -> None:
    @declare("bounded", title="Bounded", batch_size=1)
    class Bounded(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0])

    run = begin("bounded")
    assert not work(run.pk, seconds=0)
    assert statuses(run) == {"a": "pending", "b": "pending"}
    assert work(run.pk, seconds=60)
    assert effects() == ["a", "b"]


def test_a_key_named_twice_is_one_item(declare: Declare) -> None:
    @declare("twice", title="Twice")
    class Twice(Job):
        def keys(self) -> Sequence[str]:
            return ["a", "b", "a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key)

    assert counts(run_job("twice")) == (2, 2, 0, 0)
    assert effects() == ["a", "b"]


def test_parameters_reach_the_work_as_they_were_given(declare: Declare) -> None:
    @declare("params", title="Params")
    class WithParams(Job):
        class Params(JobParams):
            words: tuple[str, ...] = ()

        def keys(self) -> Sequence[str]:
            words: tuple[str, ...] = self.params.words
            return words

        def process(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                context.note(key, all=list(self.params.words))

    run = run_job("params", words=["x", "y"])
    assert run.params == {"words": ["x", "y"]}
    assert [item.result for item in items(run).values()] == [{"all": ["x", "y"]}] * 2


def test_a_run_that_has_ended_is_left_alone(declare: Declare) -> None:
    @declare("over", title="Over")
    class Over(Job):
        def keys(self) -> Sequence[str]:
            return ["a"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            act("a")

    run = run_job("over")
    before = JobRun.objects.filter(pk=run.pk).values().get()
    assert work(run.pk) and work(run.pk, wait=True)
    assert JobRun.objects.filter(pk=run.pk).values().get() == before
    assert effects() == ["a"]
