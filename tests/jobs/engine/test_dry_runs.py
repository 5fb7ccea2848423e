"""A dry run is the real code, rolled back: figures on its items, and nothing left behind."""

from collections.abc import Sequence

from common.errors import Permanent, Retryable
from jobs.engine.context import Context
from jobs.registry import Job, JobParams, Step
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, effects, elsewhere, items, run_job, statuses


def test_leaves_figures_and_nothing_else(declare: Declare) -> None:
    @declare("billing-like", title="Billing-like")
    class BillingLike(Job):
        class Params(JobParams):
            dry_run: bool = False

        def keys(self) -> Sequence[str]:
            return ["a", "bad", "c"]

        def steps(self) -> Sequence[Step]:
            return (
                Step("compute", self.compute, atomic=True),
                Step("number", self.number, atomic=True, dry_run=False),
                Step("send", self.send, each=True, dry_run=False),
            )

        def compute(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key, "computed")
                context.note(key, total=len(effects("computed")))
            if "bad" in keys:
                raise Permanent("Bad.")

        def number(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key, "numbered")

        def send(self, keys: Sequence[str], context: Context) -> None:
            act(keys[0], "sent")

    dry = run_job("billing-like", dry_run=True)
    assert (dry.status, dry.dry_run) == ("partial", True)
    assert statuses(dry) == {"a": "done", "bad": "failed", "c": "done"}
    # The figures come from the real code, which saw what it had written itself.
    assert {key: item.result for key, item in items(dry).items()} == {"a": {"total": 1}, "bad": {}, "c": {"total": 1}}
    assert list(items(dry)["a"].steps) == ["compute"]
    assert effects("computed") == effects("numbered") == effects("sent") == []
    real = run_job("billing-like")
    assert statuses(real) == statuses(dry)
    assert (effects("computed"), effects("numbered"), sorted(effects("sent"))) == (["a", "c"], ["a", "c"], ["a", "c"])


def test_repeats_a_step_whose_effects_are_gone(declare: Declare) -> None:
    """A retry of a dry run finds nothing of the first attempt: it begins again."""

    @declare("repeats", title="Repeats")
    class Repeats(Job):
        class Params(JobParams):
            dry_run: bool = False

        def keys(self) -> Sequence[str]:
            return ["a"]

        def steps(self) -> Sequence[Step]:
            return Step("first", self.first, atomic=True), Step("second", self.second)

        def first(self, keys: Sequence[str], context: Context) -> None:
            context.scratch["first"] = True

        def second(self, keys: Sequence[str], context: Context) -> None:
            assert context.scratch["first"]
            if not effects("failed"):
                with elsewhere(lambda: act("a", "failed")):
                    pass
                raise Retryable("Later.")

    run = run_job("repeats", dry_run=True)
    assert run.status == "succeeded"
    assert items(run)["a"].steps["first"]["attempts"] == 2
