"""A batch that fails is halved down to the one bad item; what the others did is kept, and only that."""

from collections.abc import Sequence

import pytest

from common.errors import Permanent, Retryable
from jobs.engine import work
from jobs.engine.context import Context
from jobs.registry import Job, Step
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, counts, effects, items, run_job, statuses

KEYS = [f"{number:02}" for number in range(16)]


@pytest.mark.parametrize("bad", [["00"], ["15"], ["07"], ["07", "08"], ["00", "05", "15"], KEYS], ids=",".join)
def test_only_the_bad_items_fail(declare: Declare, bad: list[str]) -> None:
    @declare("halved", title="Halved", batch_size=16)
    class Halved(Job):
        def keys(self) -> Sequence[str]:
            return KEYS

        def steps(self) -> Sequence[Step]:
            return (Step("write", self.write, atomic=True),)

        def write(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                act(key)
                context.note(key, written=True)
            for key in keys:
                if key in bad:
                    raise Permanent(f"{key} is bad.")

    run = run_job("halved")
    good = [key for key in KEYS if key not in bad]
    assert effects() == good
    assert counts(run) == (16, len(good), 0, len(bad))
    for key, item in items(run).items():
        if key in bad:
            # Nothing is left of what was taken back, in the ledger neither.
            assert (item.status, item.error, item.attempts, item.result) == ("failed", f"{key} is bad.", 1, {})
        else:
            assert (item.status, item.error, item.attempts, item.result) == ("done", "", 0, {"written": True})


def test_what_a_step_said_is_taken_back_with_what_it_did(declare: Declare) -> None:
    """One item is put off and one is skipped, and then the batch fails: each is so once, not once a half."""

    @declare("taken-back", title="Taken back", batch_size=16)
    class TakenBack(Job):
        def keys(self) -> Sequence[str]:
            return KEYS

        def steps(self) -> Sequence[Step]:
            return (Step("write", self.write, atomic=True),)

        def write(self, keys: Sequence[str], context: Context) -> None:
            if "00" in keys:
                context.fail("00", Retryable("Later.", retry_after=3600))
            if "01" in keys:
                act("01", "held")
                context.skip("01", "Held.")
            if "15" in keys:
                raise Permanent("Never.")

    run = begin("taken-back")
    assert not work(run.pk)
    found = items(run)
    assert (found["00"].status, found["00"].attempts, found["00"].steps["write"]["attempts"]) == ("pending", 1, 1)
    assert (found["01"].status, effects("held")) == ("skipped", ["01"])
    assert found["15"].status == "failed"


def test_an_item_that_fails_in_company_only_is_done_alone(declare: Declare) -> None:
    @declare("company", title="Company", batch_size=16)
    class Company(Job):
        def keys(self) -> Sequence[str]:
            return KEYS

        def process(self, keys: Sequence[str], context: Context) -> None:
            if len(keys) > 1:
                raise MemoryError("too much at once")
            act(keys[0])

    assert counts(run_job("company")) == (16, 16, 0, 0)
    assert effects() == KEYS


def test_later_steps_see_those_alone_who_came_through(declare: Declare) -> None:
    @declare("through", title="Through", batch_size=16)
    class Through(Job):
        def keys(self) -> Sequence[str]:
            return KEYS

        def steps(self) -> Sequence[Step]:
            return Step("odd", self.odd, atomic=True), Step("three", self.three, atomic=True), Step("end", self.end)

        def odd(self, keys: Sequence[str], context: Context) -> None:
            if any(int(key) % 2 for key in keys):
                raise Permanent("Odd.")

        def three(self, keys: Sequence[str], context: Context) -> None:
            if any(int(key) % 3 == 0 for key in keys):
                raise Permanent("A multiple of three.")

        def end(self, keys: Sequence[str], context: Context) -> None:
            act(",".join(keys))

    run = run_job("through")
    assert effects() == ["02,04,08,10,14"]
    assert counts(run) == (16, 5, 0, 11)
    assert {item.step for key, item in items(run).items() if int(key) % 2} == {"odd"}
    assert {items(run)[key].step for key in ("00", "06", "12")} == {"three"}
    assert statuses(run)["02"] == "done"
