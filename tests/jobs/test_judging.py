"""How a job stands, told from its schedules and runs alone, with a clock that the tests move."""

import datetime as dt
import zoneinfo
from collections.abc import Iterator
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.models import JobMonitor, JobRun, JobSchedule
from jobs.services.monitoring import Facts, Verdict, judge
from tests.jobs.test_timetables import BERLIN, DAY, FIELDS, NEW_YORK, by_dateutil

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
# Places and times at which clocks change, months end, and a year has a day more.
WINDOWS = [
    (BERLIN, "2026-03-28T12:00:00"),
    (BERLIN, "2026-10-24T12:00:00"),
    (NEW_YORK, "2026-03-07T17:00:00"),
    (NEW_YORK, "2026-10-31T17:00:00"),
    (BERLIN, "2028-02-28T12:00:00"),
    ("UTC", "2027-02-27T12:00:00"),
    (NEW_YORK, "2026-12-30T17:00:00"),
]


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def schedule(expression: str, counts_from: dt.datetime, zone: str = "UTC") -> JobSchedule:
    fields = dict(zip(FIELDS, expression.split(), strict=True))
    task = PeriodicTask(crontab=CrontabSchedule(**fields, timezone=zoneinfo.ZoneInfo(zone)))
    return JobSchedule(task=task, job="often", counts_from=counts_from)


def monitor(counts_from: dt.datetime, **values: Any) -> JobMonitor:
    return JobMonitor(job="often", counts_from=counts_from, **values)


_keys = iter(range(1, 10**9))


def run(asked_at: dt.datetime, status: str = "succeeded", **values: Any) -> JobRun:
    """Make a run that began when it was asked for and, unless it is under way, ended a minute later."""
    ended_at = None if status in {"queued", "running"} else asked_at + MINUTE
    began_at = None if status == "queued" else asked_at
    defaults: dict[str, Any] = {"trigger": "schedule", "started_at": began_at, "finished_at": ended_at}
    return JobRun(pk=next(_keys), job="often", created_at=asked_at, status=status, **defaults | values)


def look(watched: JobMonitor, moment: dt.datetime, *schedules: JobSchedule, runs: list[JobRun]) -> Verdict:
    """Judge what is known at an instant, and remember of it what the monitor's row remembers."""
    known = [one for one in reversed(runs) if one.created_at <= moment]
    active = [one for one in known if one.status in JobRun.ACTIVE]
    verdict = judge(watched, Facts(schedules, known, active), moment)
    watched.met_at, watched.state, watched.check_at = verdict.met_at, verdict.state, verdict.check_at
    watched.troubles = {kind: trouble.as_json() for kind, trouble in verdict.troubles.items()}
    return verdict


def let_time_pass(start: dt.datetime, end: dt.datetime, step: dt.timedelta = MINUTE) -> Iterator[dt.datetime]:
    moment = start
    while moment <= end:
        yield moment
        moment += step


# When due


@pytest.mark.parametrize(("zone", "start_text"), WINDOWS)
@pytest.mark.parametrize("expression", ["30 2 * * *", "0 * * * *", "*/20 * * * *", "15 1,2,3 * * *", "59 23 29-31 * *"])
def test_a_job_that_runs_on_time_is_healthy_whatever_the_clocks_do(expression: str, zone: str, start_text: str) -> None:
    start = utc(start_text)
    end = start + 2 * DAY
    watched, rings = monitor(start), schedule(expression, start, zone)
    runs = [run(slot) for slot in by_dateutil(expression, zone, start, end)]
    states = {look(watched, moment, rings, runs=runs).state for moment in let_time_pass(start, end, 9 * MINUTE)}
    assert states <= {"new", "healthy"}


@pytest.mark.parametrize(("zone", "start_text"), WINDOWS)
@pytest.mark.parametrize("expression", ["30 2 * * *", "0 * * * *", "15 1,2,3 * * *"])
def test_each_due_time_without_a_run_is_late_then_missed_to_the_minute(
    expression: str, zone: str, start_text: str
) -> None:
    start = utc(start_text)
    end = start + 2 * DAY
    due = by_dateutil(expression, zone, start, end)
    for left_out in due:
        watched, rings = monitor(start, grace_seconds=600), schedule(expression, start, zone)
        runs = [run(slot) for slot in due if slot != left_out]
        after = next((slot for slot in due if slot > left_out), end + HOUR)
        assert look(watched, left_out + MINUTE * 0.99, rings, runs=runs).state in {"new", "healthy"}
        for since, state in ((MINUTE, "late"), (9.99 * MINUTE, "late"), (10 * MINUTE, "missed")):
            verdict = look(watched, left_out + since, rings, runs=runs)
            assert (verdict.state, verdict.troubles[state].since) == (state, left_out)
        assert look(watched, after - MINUTE, rings, runs=runs).state == "missed"
        if after <= end:
            assert look(watched, after + MINUTE, rings, runs=runs).state == "healthy"


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(WINDOWS),
    st.sampled_from(["30 2 * * *", "0 * * * *", "*/20 * * * *"]),
    st.lists(st.booleans(), min_size=200, max_size=200),
    st.integers(60, 3600),
)
def test_looking_only_when_it_says_so_is_enough(
    place: tuple[str, str], expression: str, came: list[bool], grace: int
) -> None:
    """The state changes at an instant that was foretold, or when a run begins, and at no other."""
    zone, start = place[0], utc(place[1])
    end = start + DAY
    due = by_dateutil(expression, zone, start, end)
    runs = [run(slot) for slot, is_there in zip(due, came, strict=False) if is_there]
    seldom, often = monitor(start, grace_seconds=grace), monitor(start, grace_seconds=grace)
    rings = schedule(expression, start, zone)
    look(seldom, start, rings, runs=runs)
    begun = {one.created_at for one in runs}
    for moment in let_time_pass(start, end):
        expected = look(often, moment, rings, runs=runs).state
        if moment in begun or (seldom.check_at and seldom.check_at <= moment):
            look(seldom, moment, rings, runs=runs)
        assert seldom.state == expected, moment


def test_after_a_week_without_anybody_the_first_due_time_is_what_counts() -> None:
    start = utc("2026-03-25T12:00:00")
    watched, rings = monitor(start), schedule("0 4 * * *", start, BERLIN)
    runs = [run(utc("2026-03-26T03:00:00"))]
    assert look(watched, utc("2026-03-26T03:00:30"), rings, runs=runs).state == "healthy"
    verdict = look(watched, utc("2026-04-02T12:00:00"), rings, runs=runs)
    assert verdict.state == "missed"
    # Clocks were put forward meanwhile.
    assert verdict.troubles["missed"].since == utc("2026-03-27T03:00:00")
    assert verdict.troubles["missed"].count == 7
    assert verdict.troubles["missed"].detail == "Due 2026-03-27 03:00 UTC, and 6 times since: no run has started."
    runs.append(run(utc("2026-04-02T12:00:20"), "queued"))
    waiting = look(watched, utc("2026-04-02T12:00:30"), rings, runs=runs).troubles["missed"]
    assert waiting.run == runs[-1].pk
    assert waiting.detail.endswith(": no worker has picked up the run created at 2026-04-02 12:00 UTC.")
    runs[-1].started_at, runs[-1].status = utc("2026-04-02T12:00:40"), "running"
    verdict = look(watched, utc("2026-04-02T12:00:50"), rings, runs=runs)
    assert (verdict.state, verdict.troubles) == ("healthy", {})


def test_months_have_ends_of_their_own() -> None:
    start = utc("2026-01-30T12:00:00")
    watched, rings = monitor(start), schedule("0 2 31 * *", start)
    runs = [run(utc("2026-01-31T02:00:00"))]
    for day in ("2026-02-28", "2026-03-01", "2026-03-31"):
        assert look(watched, utc(f"{day}T01:59:00"), rings, runs=runs).state == "healthy"
    assert look(watched, utc("2026-03-31T02:01:00"), rings, runs=runs).state == "late"


def test_what_was_due_before_the_schedule_counted_is_not_held_against_the_job() -> None:
    watched = monitor(utc("2026-01-01T00:00:00"))
    edited = schedule("0 * * * *", utc("2026-03-01T10:30:00"))
    assert look(watched, utc("2026-03-01T10:59:00"), edited, runs=[]).state == "new"
    assert look(watched, utc("2026-03-01T11:01:00"), edited, runs=[]).state == "late"


def test_one_schedule_of_two_that_is_not_met_is_enough() -> None:
    start = utc("2026-03-01T00:30:00")
    watched = monitor(start)
    both = schedule("0 6 * * *", start), schedule("0 12 * * *", start)
    runs = [run(utc("2026-03-01T06:00:00"))]
    assert look(watched, utc("2026-03-01T11:59:00"), *both, runs=runs).state == "healthy"
    assert look(watched, utc("2026-03-01T12:01:00"), *both, runs=runs).state == "late"


def test_a_slot_that_is_kept_waiting_says_by_what() -> None:
    start = utc("2026-03-01T00:30:00")
    rings = schedule("0 6 * * *", start)
    rings.problem = "The run of 2026-03-01 05:00 UTC must end first."
    verdict = look(monitor(start), utc("2026-03-01T06:05:00"), rings, runs=[])
    assert verdict.troubles["late"].detail == (
        "Due 2026-03-01 06:00 UTC: no run has started. The run of 2026-03-01 05:00 UTC must end first."
    )


# Under way


def test_a_run_that_takes_too_long_hangs_from_the_instant_on() -> None:
    start = utc("2026-03-01T00:00:00")
    watched = monitor(start, longest_run_seconds=3600)
    runs = [run(start, "running")]
    verdict = look(watched, start + HOUR - MINUTE, runs=runs)
    assert (verdict.state, verdict.check_at) == ("healthy", start + HOUR)
    verdict = look(watched, start + HOUR, runs=runs)
    assert (verdict.state, verdict.check_at) == ("hanging", None)
    trouble = verdict.troubles["hanging"]
    assert (trouble.since, trouble.run, trouble.count) == (start + HOUR, runs[0].pk, 1)
    assert trouble.detail == ("Running since 2026-03-01 00:00 UTC; it should have ended by 2026-03-01 01:00 UTC.")


def test_a_run_that_no_worker_begins_hangs_too() -> None:
    start = utc("2026-03-01T00:00:00")
    watched = monitor(start, longest_run_seconds=3600)
    verdict = look(watched, start + HOUR, runs=[run(start, "queued", trigger="admin")])
    assert verdict.troubles["hanging"].detail.startswith("Queued since 2026-03-01 00:00 UTC")


# Ended


def series(watched: JobMonitor, statuses: str) -> list[str]:
    """Let runs end one after the other (f failed, p in part, s well, n nothing to do, c cancelled); list the states."""
    meaning = {"f": "failed", "p": "partial", "s": "succeeded", "n": "nothing_to_do", "c": "cancelled"}
    runs: list[JobRun] = []
    states = []
    for hour, letter in enumerate(statuses):
        at = utc("2026-03-01T00:00:00") + hour * HOUR
        runs.append(run(at, meaning[letter], trigger="admin"))
        states.append(look(watched, at + 2 * MINUTE, runs=runs).state[0])
    return states


@pytest.mark.parametrize(
    ("failures", "successes", "statuses", "states"),
    [
        (1, 1, "sfspn", "hfhfh"),
        (3, 1, "ffsfffs", "hhhhhfh"),
        (3, 1, "fcffs", "hhhfh"),
        (1, 3, "fssfsssf", "ffffffhf"),
        (2, 2, "ffsfssff", "hffffhhf"),
        (1, 2, "fcsccs", "fffffh"),
    ],
)
def test_so_many_failures_begin_it_and_so_many_successes_end_it(
    failures: int, successes: int, statuses: str, states: str
) -> None:
    watched = monitor(utc("2026-01-01T00:00:00"), failures_before_alert=failures, successes_before_recovery=successes)
    assert "".join(series(watched, statuses)) == states


def test_failing_tells_since_when_how_often_and_the_last_run() -> None:
    watched = monitor(utc("2026-01-01T00:00:00"), failures_before_alert=2)
    first = utc("2026-03-01T00:00:00")
    runs = [run(first + hour * HOUR, "failed", error="No meter.") for hour in range(3)]
    trouble = look(watched, first + DAY, runs=runs).troubles["failing"]
    assert (trouble.since, trouble.run, trouble.count) == (first + MINUTE, runs[-1].pk, 3)
    assert trouble.detail == f"The last 3 runs failed. The one of {runs[-1].created_at:%Y-%m-%d %H:%M} UTC: No meter."
    runs.append(run(first + 3 * HOUR, "partial", expected=240, done=228, failed=12))
    trouble = look(watched, first + DAY, runs=runs).troubles["failing"]
    assert (
        trouble.detail
        == f"The last 4 runs failed. The one of {runs[-1].created_at:%Y-%m-%d %H:%M} UTC: 12 of 240 items failed."
    )
    # Those that have left the window of what is looked at are remembered.
    assert look(watched, first + DAY, runs=runs[2:]).troubles["failing"].since == first + MINUTE


def test_a_part_that_went_well_does_not_end_what_failed_as_a_whole() -> None:
    watched, first = monitor(utc("2026-01-01T00:00:00")), utc("2026-03-01T00:00:00")
    whole = run(first, "partial", trigger="command", params={"month": "2026-02"}, expected=2, failed=1)
    part = run(first + HOUR, trigger="admin", params={"month": "2026-02", "organizations": ["org_a"]})
    again = run(first + 2 * HOUR, trigger="admin", params={"month": "2026-02"}, mode="failed", parent_id=whole.pk)
    for one in (whole, part, again):
        one.job = "monthly-billing"
    assert look(watched, first + 90 * MINUTE, runs=[whole, part]).state == "failing"
    assert look(watched, first + DAY, runs=[whole, part, again]).state == "healthy"


def test_a_part_that_failed_in_between_hides_no_whole_that_failed() -> None:
    watched, first = monitor(utc("2026-01-01T00:00:00")), utc("2026-03-01T00:00:00")
    asked: dict[str, Any] = {"trigger": "admin", "params": {"month": "2026-02", "organizations": ["org_a"]}}
    whole = run(first, "partial", trigger="admin", params={"month": "2026-02"}, expected=2, failed=1)
    bad, good = run(first + HOUR, "failed", **asked), run(first + 2 * HOUR, **asked)
    bad_again = run(first + 3 * HOUR, mode="failed", parent_id=bad.pk, **asked)
    again = run(first + 4 * HOUR, mode="failed", parent_id=whole.pk, trigger="admin", params=whole.params)
    runs = [whole, bad, good, bad_again, again]
    for one in runs:
        one.job = "monthly-billing"
    seen = [look(watched, first + (30 + hour * 60) * MINUTE, runs=runs).state for hour in range(5)]
    assert seen == ["failing", "failing", "failing", "failing", "healthy"]


def test_a_part_that_went_well_ends_what_failed_of_parts() -> None:
    watched, first = monitor(utc("2026-01-01T00:00:00")), utc("2026-03-01T00:00:00")
    runs = [
        run(first + hour * HOUR, status, trigger="admin", params={"month": "2026-02", "organizations": ["org_a"]})
        for hour, status in enumerate(("failed", "succeeded"))
    ]
    for one in runs:
        one.job = "monthly-billing"
    assert [look(watched, first + (30 + hour * 60) * MINUTE, runs=runs).state for hour in (0, 1)] == [
        "failing", "healthy",
    ]  # fmt: skip


# Several at once, and none


def test_the_gravest_is_the_state_and_none_is_forgotten() -> None:
    start = utc("2026-03-01T00:30:00")
    watched = monitor(start, longest_run_seconds=60)
    runs = [run(start, "failed", trigger="admin"), run(start + MINUTE, "running", trigger="job", dry_run=True)]
    runs[0].started_at = None
    verdict = look(watched, utc("2026-03-01T05:00:00"), schedule("0 * * * *", start), runs=runs)
    assert (verdict.state, set(verdict.troubles)) == ("hanging", {"hanging", "missed", "failing"})
    assert verdict.gravest == verdict.troubles["hanging"]


def test_paused_it_finds_nothing_and_looks_again_at_the_end() -> None:
    start = utc("2026-03-01T00:30:00")
    watched = monitor(start, paused_at=start, paused_until=utc("2026-03-02T00:00:00"))
    runs = [run(start, "failed")]
    verdict = look(watched, utc("2026-03-01T05:00:00"), schedule("0 * * * *", start), runs=runs)
    assert (verdict.state, verdict.troubles, verdict.check_at) == ("paused", {}, watched.paused_until)
