"""Due times become runs: on time, or caught up as the job wants it, each at most once."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from django.db.models import ProtectedError
from django_celery_beat.models import PeriodicTask

from jobs.models import JobRun, JobSchedule
from jobs.registry import CatchUp, Job, JobParams, get_job
from jobs.schedules import make_crontab, sync_schedules
from jobs.services.scheduling import (
    MOST_CAUGHT_UP,
    pause_schedule,
    resume_schedule,
    ring_schedule,
    slot_name,
    start_due_slots,
)
from tests.jobs.conftest import Declare
from tests.jobs.spine import begin, complete

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def hourly(declare: Declare) -> None:
    """A job of every hour, which remembers for when it was started."""

    @declare("often", title="Often", schedule="0 * * * *")
    class Often(Job):
        class Params(JobParams):
            at: str = ""
            fine: bool = True

        @classmethod
        def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
            return {"at": f"{slot_at:%d %H:%M}"}

        def check(self) -> dict[str, str]:
            return {} if self.params.fine else {"fine": "it is not"}

        def keys(self) -> Iterable[str]:
            return []


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def schedule(counts_from: str = "2026-03-01T00:30:00", *, catch_up: CatchUp = "once") -> JobSchedule:
    """Make the job's schedule as if that had been done then; other schedules keep out of the way."""
    get_job("often").catch_up = catch_up
    sync_schedules()
    JobSchedule.objects.exclude(job="often").update(due_at=None)
    made = JobSchedule.objects.get(job="often")
    made.counts_from = utc(counts_from)
    made.due_at = made.next_slot(made.counts_from)
    made.save()
    return made


def tick(moment: str) -> list[str]:
    """Let the tick come; return for when it started runs."""
    return [run.params["at"] for run in start_due_slots(utc(moment))]


def remove(*names: str) -> None:
    """Delete rows as a program does that knows nothing of pauses."""
    PeriodicTask.objects.filter(name__in=names).delete()


def save(task: PeriodicTask) -> None:
    task.save()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def due_at() -> dt.datetime | None:
    return JobSchedule.objects.get(job="often").due_at


def test_a_slot_is_started_once_however_often_it_is_rung_for() -> None:
    schedule()
    assert ring_schedule("often", utc("2026-03-01T00:59:54")) == []
    [run] = ring_schedule("often", utc("2026-03-01T01:00:00"))
    assert (run.trigger, run.slot, run.reason) == ("schedule", "schedule 2026-03-01T01:00:00Z", "")
    assert run.params["at"] == "01 01:00"
    assert ring_schedule("often", utc("2026-03-01T01:00:00")) == []
    assert tick("2026-03-01T01:00:20") == []
    assert due_at() == utc("2026-03-01T02:00:00")
    assert JobRun.objects.count() == 1


def test_a_clock_that_is_a_little_behind_starts_the_slot_that_was_meant() -> None:
    schedule()
    [run] = ring_schedule("often", utc("2026-03-01T00:59:56"))
    assert run.slot == slot_name(utc("2026-03-01T01:00:00"))


def test_what_was_missed_is_left_to_the_tick() -> None:
    """Beat rings as soon as it is back; the tick first tells of what was missed, then catches up."""
    schedule()
    assert ring_schedule("often", utc("2026-03-01T01:02:00")) == []
    assert ring_schedule("often", utc("2026-03-01T05:00:00")) == []
    assert tick("2026-03-01T05:00:10") == ["01 05:00"]
    assert [run.slot for run in ring_schedule("often", utc("2026-03-01T06:01:59"))] == [
        slot_name(utc("2026-03-01T06:00:00"))
    ]


def test_a_slot_that_somebody_else_started_is_handled() -> None:
    """Another door, or a scheduler that died before it could say so, gave the slot its run."""
    schedule()
    JobRun.objects.create(job="often", trigger="http", slot=slot_name(utc("2026-03-01T01:00:00")))
    assert tick("2026-03-01T01:00:20") == []
    assert due_at() == utc("2026-03-01T02:00:00")
    assert JobRun.objects.count() == 1


def test_after_a_week_the_last_due_time_is_caught_up() -> None:
    schedule()
    assert tick("2026-03-08T00:30:00") == ["08 00:00"]
    assert JobRun.objects.get().reason == (
        "Caught up: due 2026-03-08 00:00 UTC, the last of 100 or more due times missed."
    )
    assert due_at() == utc("2026-03-08T01:00:00")


def test_after_a_week_each_due_time_is_caught_up_where_the_job_wants_it_the_newest_hundred() -> None:
    schedule(catch_up="all")
    ticks = [tick("2026-03-08T00:30:00")]
    while ticks[-1]:
        ticks.append(tick("2026-03-08T00:30:00"))
    assert {len(part) for part in ticks[:-1]} == {10}
    hours = [utc("2026-03-08T00:00:00") - dt.timedelta(hours=back) for back in range(MOST_CAUGHT_UP)]
    assert [at for part in ticks for at in part] == [f"{hour:%d %H:%M}" for hour in reversed(hours)]
    assert due_at() == utc("2026-03-08T01:00:00")


def test_nothing_is_caught_up_where_the_job_does_not_want_it() -> None:
    schedule(catch_up="none")
    assert tick("2026-03-08T00:30:00") == []
    assert due_at() == utc("2026-03-08T01:00:00")
    assert tick("2026-03-08T01:01:59") == ["08 01:00"]
    assert tick("2026-03-08T02:02:01") == []
    assert JobRun.objects.get().reason == ""


def test_what_was_due_before_the_schedule_was_made_or_edited_is_not_caught_up() -> None:
    made = schedule("2026-03-01T00:30:00", catch_up="all")
    assert tick("2026-03-01T00:59:59") == []
    made.task.crontab = make_crontab("30 * * * *", "UTC")
    before = dt.datetime.now(dt.UTC)
    save(made.task)
    made.refresh_from_db()
    assert made.counts_from >= before
    assert made.due_at == made.next_slot(made.counts_from)
    assert made.due_at is not None and made.due_at.minute == 30
    assert ring_schedule("often", before - dt.timedelta(minutes=1)) == []
    assert not JobRun.objects.exists()


def test_a_crontab_that_was_edited_under_a_schedule_is_noticed() -> None:
    made = schedule()
    crontab = made.task.crontab
    assert crontab is not None
    crontab.minute = "45"
    crontab.save()
    made.refresh_from_db()
    assert (made.timetable, made.due_at is not None and made.due_at.minute) == ("45 * * * * (UTC)", 45)


def test_ringing_does_not_make_a_schedule_count_anew() -> None:
    """Beat saves the row each time it rings."""
    made = schedule()
    before = (made.counts_from, made.due_at)
    made.task.last_run_at = utc("2026-03-01T01:00:00")
    made.task.total_run_count += 1
    made.task.no_changes = True
    save(made.task)
    made.refresh_from_db()
    assert (made.counts_from, made.due_at) == before


def test_a_pause_ends_by_itself_and_what_fell_due_meanwhile_is_left() -> None:
    made = schedule(catch_up="all")
    pause_schedule(
        made, actor=None, reason=" Move ", until=utc("2026-03-01T05:30:00"), moment=utc("2026-03-01T02:30:00")
    )
    made.refresh_from_db()
    assert (made.is_paused, made.paused_reason, made.task.enabled) == (True, "Move", False)
    assert tick("2026-03-01T05:29:59") == []
    # The tick comes late: what fell due since the pause's end is caught up, what fell due before it is not.
    assert tick("2026-03-01T07:10:00") == ["01 06:00", "01 07:00"]
    made = JobSchedule.objects.select_related("task").get(pk=made.pk)
    assert (made.is_paused, made.paused_until, made.paused_reason, made.task.enabled) == (False, None, "", True)
    assert made.counts_from == utc("2026-03-01T05:30:00")


def test_a_pause_without_an_end_lasts_until_somebody_resumes() -> None:
    made = schedule(catch_up="all")
    pause_schedule(made, actor=None, reason="Move", until=None, moment=utc("2026-03-01T02:30:00"))
    assert tick("2027-03-01T02:30:00") == []
    resume_schedule(made, actor=None, moment=utc("2027-03-01T02:30:00"))
    assert tick("2027-03-01T02:59:59") == []
    assert tick("2027-03-01T03:00:00") == ["01 03:00"]


def test_a_row_that_is_switched_off_by_other_means_does_not_ring() -> None:
    made = schedule()
    made.task.enabled = False
    save(made.task)
    assert tick("2027-03-01T02:30:00") == []
    assert due_at() is None


def test_a_slot_whose_way_is_barred_waits_for_it() -> None:
    get_job("often").overlap = "forbid"
    schedule()
    other = begin("often")
    assert tick("2026-03-01T01:00:20") == []
    waiting = JobSchedule.objects.get(job="often")
    assert (waiting.due_at, waiting.problem) == (
        utc("2026-03-01T01:00:00"),
        f"The run of {other.created_at:%Y-%m-%d %H:%M} UTC must end first.",
    )
    complete(other)
    assert tick("2026-03-01T01:20:00") == ["01 01:00"]
    assert JobSchedule.objects.get(job="often").problem == ""
    assert JobRun.objects.latest("pk").reason == "Caught up: due 2026-03-01 01:00 UTC."


def test_a_slot_that_the_job_refuses_says_why_and_is_tried_again() -> None:
    made = schedule()
    job = get_job("often")
    before, job.scheduled = job.scheduled, classmethod(lambda cls, at: {"fine": False})  # type: ignore[assignment,method-assign]  # a job that is wrong
    assert tick("2026-03-01T01:00:20") == []
    made.refresh_from_db()
    assert (made.due_at, made.problem) == (utc("2026-03-01T01:00:00"), "Refused: fine: it is not")
    job.scheduled = before  # type: ignore[method-assign]  # a job that was repaired
    assert tick("2026-03-01T01:00:40") == ["01 01:00"]


def test_a_job_that_is_gone_starts_nothing() -> None:
    made = schedule()
    JobSchedule.objects.filter(pk=made.pk).update(job="gone")
    assert start_due_slots(utc("2026-03-01T01:00:20")) == []
    made.refresh_from_db()
    assert (made.due_at, made.problem) == (None, "The code no longer declares this job.")


def test_what_is_wrong_with_one_schedule_does_not_stop_the_others(declare: Declare) -> None:
    @declare("broken", title="Broken", schedule="0 * * * *")
    class Broken(Job):
        @classmethod
        def scheduled(cls, slot_at: dt.datetime) -> dict[str, Any]:
            raise RuntimeError("no")

        def keys(self) -> Sequence[str]:
            return []

    schedule()
    JobSchedule.objects.filter(job="broken").update(due_at=utc("2026-03-01T00:00:00"))
    assert tick("2026-03-01T01:00:20") == ["01 01:00"]


def test_two_schedules_of_a_job_that_ring_together_give_one_run(declare: Declare) -> None:
    @declare("twice", title="Twice", schedule="0 6 * * *", more_schedules={"again": "0 */6 * * *"})
    class Twice(Job):
        def keys(self) -> Sequence[str]:
            return []

    sync_schedules()
    assert set(PeriodicTask.objects.filter(name__startswith="twice").values_list("name", flat=True)) == {
        "twice",
        "twice-again",
    }
    JobSchedule.objects.exclude(job="twice").update(due_at=None)
    JobSchedule.objects.filter(job="twice").update(due_at=utc("2026-03-01T06:00:00"))
    [run] = start_due_slots(utc("2026-03-01T06:00:10"))
    assert list(JobRun.objects.filter(job="twice")) == [run]
    assert [row.due_at for row in JobSchedule.objects.filter(job="twice").order_by("due_at")] == [
        utc("2026-03-01T12:00:00"),
        utc("2026-03-02T06:00:00"),
    ]


def test_a_schedule_that_appears_while_its_job_is_paused_is_paused_with_it() -> None:
    made = schedule(catch_up="all")
    until = utc("2026-03-01T05:30:00")
    pause_schedule(made, actor=None, reason="Move", until=until, moment=utc("2026-03-01T02:30:00"))
    get_job("often").more_schedules = {"others": "15 * * * *"}
    sync_schedules()
    fresh = JobSchedule.objects.select_related("task").get(task__name="often-others")
    assert (fresh.is_paused, fresh.paused_until, fresh.paused_reason, fresh.due_at) == (True, until, "Move", until)
    assert not fresh.task.enabled
    assert tick("2026-03-01T05:29:59") == []
    JobSchedule.objects.filter(job="often").update(paused_until=None, due_at=None)
    assert tick("2026-03-02T00:00:00") == []
    resume_schedule(made, actor=None, moment=utc("2026-03-02T00:00:00"))
    fresh = JobSchedule.objects.select_related("task").get(pk=fresh.pk)
    assert (fresh.is_paused, fresh.task.enabled, fresh.due_at) == (False, True, utc("2026-03-02T00:15:00"))
    assert tick("2026-03-02T00:15:00") == ["02 00:15"]


def test_a_schedule_that_is_deleted_and_declared_again_keeps_the_pause_of_its_job() -> None:
    made = schedule(catch_up="all")
    get_job("often").more_schedules = {"others": "15 * * * *"}
    sync_schedules()
    pause_schedule(made, actor=None, reason="Move", until=None, moment=utc("2026-03-01T02:30:00"))
    remove("often")
    sync_schedules()
    again = JobSchedule.objects.get(task__name="often")
    assert (again.is_paused, again.paused_reason, again.task.enabled) == (True, "Move", False)
    # With both gone, nothing would remember it.
    with pytest.raises(ProtectedError):
        remove("often", "often-others")
    remove("often-others")
    with pytest.raises(ProtectedError):
        remove("often")
    assert tick("2026-03-02T00:00:00") == []
    resume_schedule(again, actor=None, moment=utc("2026-03-02T00:00:00"))
    remove("often")
    assert not JobSchedule.objects.filter(job="often").exists()


def test_the_last_row_of_a_paused_job_that_nobody_needs_stays_until_it_is_resumed() -> None:
    schedule(catch_up="all")
    get_job("often").more_schedules = {"others": "15 * * * *"}
    sync_schedules()
    remove("often")
    others = JobSchedule.objects.get(task__name="often-others")
    pause_schedule(others, actor=None, reason="Move", until=None, moment=utc("2026-03-01T02:30:00"))
    get_job("often").schedule, get_job("often").more_schedules = "", {"others": ""}
    sync_schedules()
    assert list(JobSchedule.objects.filter(job="often").values_list("task__name", "paused_reason")) == [
        ("often-others", "Move")
    ]
    resume_schedule(others, actor=None, moment=utc("2026-03-02T00:00:00"))
    sync_schedules()
    assert not PeriodicTask.objects.filter(name="often-others").exists()
