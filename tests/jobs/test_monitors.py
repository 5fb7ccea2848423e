"""Monitors as rows: looked at when something is due or has happened, their changes kept, their troubles told."""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.models import Incident
from alerts.registry import find_condition
from common.clock import now
from jobs.engine.context import Context
from jobs.models import JobMonitor, JobRun, JobSchedule, MonitorChange
from jobs.registry import Job, JobParams
from jobs.schedules import sync_schedules
from jobs.services import cancel_run, rerun
from jobs.services.monitoring import pause_monitor, refresh_monitors, sync_monitors
from jobs.services.monitoring.judging import judge
from jobs.services.monitoring.refreshing import _keep, read_facts
from jobs.tasks import start_job, tick
from tests.jobs.conftest import Declare
from tests.jobs.spine import begin, complete, run_job

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)
BROKEN: set[str] = set()


@pytest.fixture(autouse=True)
def watched(declare: Declare) -> None:
    """A job of every hour with two items, of which those in BROKEN fail; its monitor, and no other that is due."""

    @declare("often", title="Often", schedule="0 * * * *")
    class Often(Job):
        class Params(JobParams):
            only: str = ""
            dry_run: bool = False

        def keys(self) -> Sequence[str]:
            return [self.params.only] if self.params.only else ["a", "b"]

        def process(self, keys: Sequence[str], context: Context) -> None:
            if BROKEN & set(keys):
                raise ValueError("broken")

    BROKEN.clear()
    sync_schedules()
    sync_monitors(now())
    JobMonitor.objects.exclude(job="often").update(check_at=None)
    JobSchedule.objects.exclude(job="often").update(due_at=None)


def often() -> JobMonitor:
    return JobMonitor.objects.get(job="often")


def look(moment: dt.datetime | None = None) -> JobMonitor:
    """Look at what is due."""
    refresh_monitors(moment or now())
    return often()


def changes() -> list[tuple[str, str]]:
    return list(MonitorChange.objects.order_by("id").values_list("before", "after"))


def test_each_declared_job_gets_one_once(declare: Declare) -> None:
    before = JobMonitor.objects.count()
    sync_monitors(now())
    assert JobMonitor.objects.count() == before

    @declare("another", title="Another")
    class Another(Job):
        """Nothing."""

    sync_monitors(now())
    assert JobMonitor.objects.count() == before + 1
    assert JobMonitor.objects.get(job="another").state == "new"


def test_a_run_that_ends_is_noticed_at_the_next_look_and_kept() -> None:
    look()
    check_at = often().check_at
    assert check_at is not None and check_at > now()
    run = run_job("often")
    monitor = look()
    assert (monitor.state, monitor.met_at, monitor.troubles) == ("healthy", run.created_at, {})
    BROKEN.add("a")
    run = run_job("often")
    monitor = look()
    assert (monitor.state, monitor.run) == ("failing", run)
    assert monitor.why == f"The run of {run.created_at:%Y-%m-%d %H:%M} UTC failed in part: 1 of 2 items failed."
    change = MonitorChange.objects.latest("id")
    assert (change.before, change.after, change.run, change.why) == ("healthy", "failing", run, monitor.why)
    assert change.since == run.finished_at == monitor.state_since
    assert changes() == [("new", "healthy"), ("healthy", "failing")]


def at_once(look_at_it: Callable[[dt.datetime], object], moment: dt.datetime) -> list[object]:
    """Let four look in threads of their own, as ticks do that run at once."""
    began = threading.Barrier(4)

    def work(_: int) -> object:
        try:
            began.wait(60)
            return look_at_it(moment)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, range(4)))


def test_of_ticks_that_run_at_once_one_notices_a_change() -> None:
    BROKEN.add("a")
    run_job("often")
    assert sorted(map(str, at_once(refresh_monitors, now()))) == ["0", "0", "0", "1"]
    assert changes() == [("new", "failing")]


def test_ticks_that_took_no_lock_would_notice_it_several_times() -> None:
    """The negative control: the same look without the lock and the second look at what is due."""
    BROKEN.add("a")
    run_job("often")
    read = threading.Barrier(4)

    def careless(moment: dt.datetime) -> None:
        monitor = often()
        read.wait(60)
        _keep(monitor, judge(monitor, read_facts(monitor), moment), moment)

    at_once(careless, now())
    assert changes() == [("new", "failing")] * 4


def test_nothing_is_looked_at_before_its_time() -> None:
    look()
    with CaptureQueriesContext(connection) as queries:
        assert refresh_monitors(now()) == 0
    assert len(queries) == 1


def test_the_look_at_what_is_due_goes_through_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT id FROM jobs_jobmonitor WHERE check_at <= now() ORDER BY check_at")
        assert "jobs_monitor_check" in str(cursor.fetchall())
        cursor.execute("EXPLAIN SELECT id FROM jobs_jobschedule WHERE due_at <= now() ORDER BY due_at")
        assert "jobs_schedule_due" in str(cursor.fetchall())
        cursor.execute("RESET enable_seqscan")


def test_what_is_read_of_a_job_does_not_grow_with_its_runs() -> None:
    moment = now()
    JobRun.objects.bulk_create(
        JobRun(job="often", trigger="schedule", status="failed", started_at=moment, finished_at=moment)
        for _ in range(500)
    )
    # Among many runs of another job, so that an index is worth its while.
    JobRun.objects.bulk_create(
        JobRun(job="hourly", trigger="schedule", status="failed", started_at=moment, finished_at=moment)
        for _ in range(3_000)
    )
    JobMonitor.objects.filter(job="often").update(check_at=moment)
    with CaptureQueriesContext(connection) as queries:
        monitor = look()
    assert len(queries) < 12
    assert (monitor.trouble("failing") or {})["count"] == 60
    reading = next(sql for sql in (query["sql"] for query in queries) if "LIMIT 60" in sql)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_jobrun")
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {reading}")
        assert "jobs_run_job" in str(cursor.fetchall())
        cursor.execute("RESET enable_seqscan")


def test_previews_do_not_count() -> None:
    BROKEN.add("a")
    look()
    before = often().check_at
    run_job("often", dry_run=True)
    assert often().check_at == before
    JobMonitor.objects.update(check_at=now())
    assert (look().state, often().met_at) == ("new", None)


def test_a_part_of_a_job_does_not_stand_for_it() -> None:
    look()
    run_job("often", only="a")
    assert (look().state, often().met_at) == ("healthy", None)


def test_what_is_missing_is_told_until_a_rerun_brings_it() -> None:
    run = begin("often")
    cancel_run(run, None, "No")
    run.refresh_from_db()
    JobRun.objects.filter(pk=run.pk).update(expected=240, done=228)
    monitor = look()
    assert (monitor.state, monitor.why, monitor.run) == ("failing", "12 of 240 missing.", run)
    assert (monitor.trouble("incomplete") or {})["count"] == 12
    part = run_job("often", only="a")
    assert (part.missing, look().state) == (0, "failing")
    again, _ = rerun(run, JobRun.Mode.MISSING, trigger="admin", actor=None)
    complete(again)
    assert (look().state, often().troubles) == ("healthy", {})


def test_fewer_items_than_staff_expect_are_told() -> None:
    JobMonitor.objects.filter(job="often").update(expected_floor=240)
    run = run_job("often")
    monitor = look()
    assert (monitor.state, monitor.why, monitor.run) == ("failing", "238 of 240 missing.", run)
    again, _ = rerun(run, JobRun.Mode.MISSING, trigger="admin", actor=None)
    complete(again)
    assert look().why == "238 of 240 missing."
    JobMonitor.objects.filter(job="often").update(expected_floor=2, check_at=now())
    assert look().state == "healthy"


def test_what_is_missing_is_told_though_a_rerun_was_cancelled_before_it_began() -> None:
    run = run_job("often")
    JobRun.objects.filter(pk=run.pk).update(expected=240, status="cancelled")
    assert look().why == "238 of 240 missing."
    for mode in (JobRun.Mode.MISSING, JobRun.Mode.ALL):
        cancelled, _ = rerun(run, mode, trigger="admin", actor=None)
        cancel_run(cancelled, None)
        assert (look().state, often().why, often().run) == ("failing", "238 of 240 missing.", run)


def test_a_rerun_heals_nothing_while_something_is_left_of_what_failed() -> None:
    BROKEN.update("ab")
    run = run_job("often")
    why = look().why
    assert (often().state, why.endswith("failed: 2 of 2 items failed.")) == ("failing", True)
    BROKEN.clear()
    missing, _ = rerun(run, JobRun.Mode.MISSING, trigger="admin", actor=None)
    assert complete(missing).status == "nothing_to_do"
    assert (look().state, often().why, often().run) == ("failing", why, run)
    cancelled, _ = rerun(run, JobRun.Mode.FAILED, trigger="admin", actor=None)
    cancel_run(cancelled, None)
    assert (look().state, often().why, often().run) == ("failing", why, run)
    assert len(findings("failing")) == 1
    failed, _ = rerun(run, JobRun.Mode.FAILED, trigger="admin", actor=None)
    complete(failed)
    assert (look().state, findings("failing")) == ("healthy", [])


def test_a_rerun_of_one_run_hides_no_other_that_failed_since() -> None:
    BROKEN.add("a")
    first, second = run_job("often"), run_job("often")
    BROKEN.clear()
    complete(rerun(first, JobRun.Mode.FAILED, trigger="admin", actor=None)[0])
    assert (look().state, often().run) == ("failing", second)
    complete(rerun(second, JobRun.Mode.FAILED, trigger="admin", actor=None)[0])
    assert look().state == "healthy"


def ended(hours_ago: int, expected: int, done: int, **values: Any) -> JobRun:
    """Write down a run of the schedule that ended."""
    at = now() - hours_ago * HOUR
    given = {"trigger": "schedule", "status": "succeeded", "started_at": at, "finished_at": at} | values
    return JobRun.objects.create(job="often", created_at=at, expected=expected, done=done, **given)


def look_again() -> str:
    JobMonitor.objects.filter(job="often").update(check_at=now())
    found = look().trouble("incomplete")
    return found["detail"] if found else ""


def test_what_a_scheduled_part_left_out_is_told_until_a_later_one_takes_it_up() -> None:
    ended(5, 240, 240)
    part = ended(4, 20, 8, status="failed", params={"only": "a"})
    assert look_again() == "12 of 20 missing."
    assert (often().trouble("incomplete") or {})["run"] == part.pk
    ended(3, 12, 12, params={"only": "a"})
    assert look_again() == ""


def test_what_is_below_the_floor_stays_so_until_later_parts_make_up_for_it() -> None:
    JobMonitor.objects.filter(job="often").update(expected_floor=240)
    ended(5, 228, 228)
    assert look_again() == "12 of 240 missing."
    ended(4, 0, 0, status="nothing_to_do", params={"only": "a"})
    assert look_again() == "12 of 240 missing."
    ended(3, 12, 12, params={"only": "a"})
    assert look_again() == ""


def test_a_pause_ends_by_itself_and_what_fell_due_meanwhile_is_forgiven() -> None:
    start = now().replace(minute=30, second=0, microsecond=0)
    JobSchedule.objects.filter(job="often").update(counts_from=start)
    JobMonitor.objects.filter(job="often").update(counts_from=start, check_at=start)
    look(start)
    until = start + 3 * HOUR
    pause_monitor(often(), actor=None, reason=" Move ", until=until, moment=start + HOUR)
    assert (often().state, often().why, often().paused_reason) == ("paused", "Move", "Move")
    assert look(until - dt.timedelta(seconds=1)).state == "paused"
    assert look(until).state == "new"
    assert (often().is_paused, often().counts_from) == (False, until)
    late = until + HOUR / 2 + dt.timedelta(minutes=2)
    assert look(late).state == "late"
    assert changes() == [("new", "paused"), ("paused", "new"), ("new", "late")]


def test_a_schedule_that_was_moved_forward_is_watched_at_once() -> None:
    look()
    before = often().check_at
    schedule = JobSchedule.objects.select_related("task__crontab").get(job="often")
    crontab = schedule.task.crontab
    assert crontab is not None and before is not None
    crontab.minute = "*"
    crontab.save()
    check_at = often().check_at
    assert check_at is not None and check_at < before
    look()
    check_at = often().check_at
    assert check_at is not None and check_at - now() <= dt.timedelta(minutes=2)


def test_the_monitor_of_a_job_that_is_gone_rests() -> None:
    JobMonitor.objects.create(job="gone", check_at=now())
    refresh_monitors(now())
    assert JobMonitor.objects.get(job="gone").check_at is None


# What is told


def miss() -> dt.datetime:
    """Let the last due time be one that nobody met."""
    due = now().replace(minute=0, second=0, microsecond=0)
    JobSchedule.objects.filter(job="often").update(counts_from=due - HOUR / 2, due_at=due)
    JobMonitor.objects.filter(job="often").update(counts_from=due - HOUR / 2, check_at=due, grace_seconds=60)
    return due


def findings(kind: str) -> list[Any]:
    condition = find_condition(f"job-{kind}")
    assert condition is not None
    return list(condition.check())


def test_a_finding_says_what_happened_since_when_how_often_and_what_to_press() -> None:
    BROKEN.update("ab")
    run = run_job("often")
    look()
    [found] = findings("failing")
    assert (found.scope, found.title, found.count) == ("often", "Often is failing", 1)
    assert found.detail == f"The run of {run.created_at:%Y-%m-%d %H:%M} UTC failed: 2 of 2 items failed."
    assert found.permission == "jobs.start_jobrun"
    assert found.since == run.finished_at
    assert found.link == reverse("admin:jobs_jobrun_change", args=[run.pk])
    assert "Rerun failed" in found.advice
    assert [findings(kind) for kind in ("late", "missed", "hanging", "incomplete")] == [[], [], [], []]


def test_what_has_no_run_leads_to_the_monitor() -> None:
    due = miss()
    look(due + HOUR / 4)
    [found] = findings("missed")
    assert (found.since, found.link) == (due, reverse("admin:jobs_jobmonitor_change", args=[often().pk]))


def test_the_tick_tells_of_a_missed_job_starts_it_and_tells_when_it_ran() -> None:
    due = miss() - HOUR
    JobMonitor.objects.filter(job="often").update(counts_from=due - HOUR / 2)
    JobSchedule.objects.filter(job="often").update(counts_from=due - HOUR / 2, due_at=due)
    start_job("often")
    assert not JobRun.objects.exists()
    tick()
    incident = Incident.objects.get(condition="job-missed", scope="often")
    assert (incident.resolved_at, incident.title) == (None, "Often did not run")
    run = JobRun.objects.get()
    assert run.trigger == "schedule"
    tick()
    assert (JobRun.objects.count(), Incident.objects.filter(condition="job-missed").count()) == (1, 1)
    complete(run)
    tick()
    incident.refresh_from_db()
    assert incident.resolved_at is not None
    assert often().state == "healthy"
