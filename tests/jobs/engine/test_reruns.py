"""Reruns: all, what failed, or what is missing; each linked to its parent, with who and why."""

from collections.abc import Sequence

import pytest

from accounts.models import User
from common.errors import Misconfigured, Permanent
from jobs.engine.context import Context
from jobs.models import JobItem, JobRun
from jobs.registry import Job, JobParams, get_job
from jobs.selectors import count_failed_left, list_failed_left, list_failed_runs, list_left, list_troubled_runs
from jobs.services import cancel_run, expand_run, rerun
from tests.jobs.conftest import Declare
from tests.jobs.spine import act, begin, complete, counts, dismiss, effects, run_job, statuses

Mode = JobRun.Mode


@pytest.fixture(autouse=True)
def partly(declare: Declare) -> None:
    """A job of four: the first is done, the second skipped, the third fails until it is repaired, the last as well."""

    @declare("partly", title="Partly")
    class Partly(Job):
        class Params(JobParams):
            word: str = ""
            stop_at: str = ""

        def keys(self) -> Sequence[str]:
            return [*"abcd", *effects("appeared")]

        def process(self, keys: Sequence[str], context: Context) -> None:
            for key in keys:
                if key == self.params.stop_at and "repaired" not in effects("state"):
                    raise Misconfigured("Broken.")
            for key in keys:
                if key == "b":
                    context.skip(key, "Not wanted.")
                elif key in "cd" and "repaired" not in effects("state"):
                    context.fail(key, Permanent("Not yet."))
                else:
                    act(key)

    @declare("money", title="Money", moves_money=True)
    class Money(Job):
        def keys(self) -> Sequence[str]:
            return []


def again(run: JobRun, mode: str, reason: str = "") -> JobRun:
    found, created = rerun(run, mode, trigger=JobRun.Trigger.ADMIN, actor=None, reason=reason)
    assert created
    return complete(found)


def test_of_what_failed_takes_that_alone() -> None:
    first = run_job("partly", word="hello")
    assert (first.status, counts(first)) == ("partial", (4, 1, 1, 2))
    act("repaired", "state")
    second = again(first, Mode.FAILED, "  Repaired.  ")
    assert (second.status, counts(second), statuses(second)) == ("succeeded", (2, 2, 0, 0), {"c": "done", "d": "done"})
    assert (second.parent, second.mode, second.trigger, second.reason) == (first, "failed", "admin", "Repaired.")
    assert second.params == {"word": "hello", "stop_at": ""}
    assert effects() == ["a", "c", "d"]
    # The parent says what it always said.
    assert counts(JobRun.objects.get(pk=first.pk)) == (4, 1, 1, 2)


def test_of_all_takes_everything_that_is_expected_now() -> None:
    first = run_job("partly")
    act("e", "appeared")
    act("repaired", "state")
    second = again(first, Mode.ALL)
    assert (second.mode, sorted(statuses(second))) == ("all", ["a", "b", "c", "d", "e"])
    assert effects() == ["a", "a", "c", "d", "e"]


def test_of_what_is_missing_takes_what_never_came_to_an_end() -> None:
    first = run_job("partly", stop_at="d")
    assert (first.status, first.error, counts(first), first.missing) == ("failed", "Broken.", (4, 0, 0, 0), 4)
    act("repaired", "state")
    second = again(first, Mode.MISSING)
    assert counts(second) == (4, 3, 1, 0)
    assert again(second, Mode.MISSING).status == "nothing_to_do"


def test_of_what_is_missing_finds_what_has_appeared_since() -> None:
    first = run_job("partly")
    act("e", "appeared")
    second = again(first, Mode.MISSING)
    assert statuses(second) == {"e": "done"}


def test_of_what_is_missing_in_a_rerun_stays_within_it() -> None:
    first = run_job("partly")
    second = expand_run(rerun(first, Mode.FAILED, trigger="admin", actor=None)[0].pk)
    second.items.filter(key="c").update(status="done")
    JobRun.objects.filter(pk=second.pk).update(status="failed", done=1)
    second.refresh_from_db()
    assert second.missing == 1
    act("repaired", "state")
    assert statuses(again(second, Mode.MISSING)) == {"d": "done"}


def test_of_what_failed_where_nothing_did() -> None:
    act("repaired", "state")
    first = run_job("partly")
    assert first.status == "succeeded"
    assert again(first, Mode.FAILED).status == "nothing_to_do"


def test_is_refused_while_the_run_is_under_way() -> None:
    run = begin("partly")
    with pytest.raises(Permanent, match=r"Partly #\d+ is still under way; wait for its end or cancel it first\."):
        rerun(run, Mode.ALL, trigger="admin", actor=None)
    assert JobRun.objects.count() == 1


def test_of_money_wants_a_reason() -> None:
    run = run_job("money")
    with pytest.raises(Permanent, match="Say why this is run again"):
        rerun(run, Mode.ALL, trigger="admin", actor=None, reason="  ")
    assert JobRun.objects.count() == 1
    assert again(run, Mode.ALL, "The plan was wrong.").reason == "The plan was wrong."


def test_says_who(transactional_db: None) -> None:
    person = User.objects.create(email="ops@example.test")
    try:
        run, _ = rerun(run_job("partly"), Mode.FAILED, trigger="admin", actor=person)
        assert run.actor == person
    finally:
        JobRun.objects.update(actor=None)
        dismiss(person)


def test_repeated_with_the_same_slot_is_one() -> None:
    first = run_job("partly")
    second, created = rerun(first, Mode.FAILED, trigger="admin", actor=None, slot="form 1")
    assert created
    assert rerun(first, Mode.FAILED, trigger="admin", actor=None, slot="form 1") == (second, False)


def test_of_what_failed_takes_only_what_no_rerun_brought_to_a_good_end_since() -> None:
    first = run_job("partly")
    assert count_failed_left(first) == 2
    second = expand_run(rerun(first, Mode.FAILED, trigger="admin", actor=None)[0].pk)
    second.items.filter(key="c").update(status="done")
    second.items.filter(key="d").update(status="failed")
    JobRun.objects.filter(pk=second.pk).update(status="partial", done=1, failed=1)
    assert count_failed_left(first) == 1
    preview = JobRun.objects.create(job="partly", trigger="admin", parent=first, dry_run=True, status="succeeded")
    JobItem.objects.create(run=preview, key="d", status="done")
    other = JobRun.objects.create(job="money", trigger="job", parent=first, status="succeeded")
    JobItem.objects.create(run=other, key="d", status="done")
    assert [item.key for item in list_failed_left(first)] == ["d"]
    act("repaired", "state")
    second.refresh_from_db()
    third = again(second, Mode.FAILED)
    assert statuses(third) == {"d": "done"}
    assert (count_failed_left(first), count_failed_left(second), count_failed_left(third)) == (0, 0, 0)
    assert again(first, Mode.FAILED).status == "nothing_to_do"


def left() -> list[JobRun]:
    """The runs of which something is left, as three ways to ask tell of them."""
    troubled = list(list_troubled_runs())
    assert list_left(JobRun.objects.values_list("pk", flat=True)) == {run.pk for run in troubled}
    failed = list_failed_runs(get_job("partly"))
    assert [run for run in failed if count_failed_left(run)] == [run for run in reversed(troubled) if run.failed]
    return troubled


def cancel_unbegun(run: JobRun, mode: str) -> JobRun:
    found, _ = rerun(run, mode, trigger="admin", actor=None)
    cancel_run(found, None)
    found.refresh_from_db()
    assert (found.status, found.expected) == ("cancelled", 0)
    return found


def test_that_takes_nothing_hides_nothing_that_failed() -> None:
    first = run_job("partly")
    assert again(first, Mode.MISSING).status == "nothing_to_do"
    assert left() == [first]
    cancel_unbegun(first, Mode.FAILED)
    assert left() == [first]
    act("repaired", "state")
    again(first, Mode.FAILED)
    assert left() == []


def test_that_is_under_way_hides_nothing_until_it_has_ended_it() -> None:
    first = run_job("partly")
    second, _ = rerun(first, Mode.FAILED, trigger="admin", actor=None)
    assert left() == [first]
    act("repaired", "state")
    complete(second)
    assert left() == []


def test_what_fails_again_is_a_matter_of_the_later_run_and_the_rest_stays_with_the_first() -> None:
    first = run_job("partly")
    second = again(first, Mode.FAILED)
    assert (second.status, left()) == ("failed", [second])
    third = expand_run(rerun(first, Mode.FAILED, trigger="admin", actor=None)[0].pk)
    third.items.filter(key="c").update(status="failed")
    cancel_run(third, None)
    third.refresh_from_db()
    # The last word on c has the third, and on d the second.
    assert (third.status, left()) == ("cancelled", [third, second])
    act("repaired", "state")
    # A sibling of both ends what they left.
    again(first, Mode.FAILED)
    assert left() == []
    assert [count_failed_left(run) for run in (first, second, third)] == [0, 0, 0]


def test_of_all_that_expects_a_failed_item_no_more_leaves_it() -> None:
    first = run_job("partly")
    other = JobRun.objects.create(job="partly", trigger="admin", parent=first, mode=Mode.ALL, status="succeeded")
    JobItem.objects.create(run=other, key="c", status="done")
    assert left() == [first]
    JobItem.objects.create(run=other, key="d", status="skipped")
    assert left() == []


def test_a_run_that_was_stopped_is_left_until_all_it_expected_has_ended() -> None:
    first = run_job("partly", stop_at="d")
    assert (first.status, first.failed, left()) == ("failed", 0, [first])
    # Nothing failed by itself, so that this takes nothing.
    assert again(first, Mode.FAILED).status == "nothing_to_do"
    assert left() == [first]
    cancel_unbegun(first, Mode.MISSING)
    assert left() == [first]
    act("repaired", "state")
    again(first, Mode.MISSING)
    assert left() == []


def test_a_run_that_could_not_begin_is_left_until_another_could() -> None:
    first = JobRun.objects.create(job="partly", trigger="admin", status="failed", error="Broken.")
    assert left() == [first]
    cancel_unbegun(first, Mode.ALL)
    assert again(first, Mode.FAILED).status == "nothing_to_do"
    assert left() == [first]
    act("repaired", "state")
    again(first, Mode.ALL)
    assert left() == []
