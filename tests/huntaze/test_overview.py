"""The jobs at a glance: strips of runs, what is due, this day by the hour, the queues."""

import datetime as dt

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask
from pytest_django import Settings

from common.clock import now
from huntaze.overview import Line, describe_jobs
from jobs.models import JobMonitor
from jobs.schedules import sync_schedules
from jobs.selectors import list_known_jobs, list_runs_of_day
from jobs.services import note_tick
from tests.factories.ledger import make_run
from tests.factories.staff import log_in
from tests.server import spare_redis_url

pytestmark = pytest.mark.django_db
FRONT = reverse("admin:index")
MOMENT = dt.datetime(2026, 11, 22, 10, 30, tzinfo=dt.UTC)


def lines() -> dict[str, Line]:
    return {line.title: line for line in describe_jobs(now())["lines"]}


def test_a_strip_has_the_last_twenty_runs_the_newest_last() -> None:
    runs = [make_run(status="succeeded") for _ in range(25)]
    failed = make_run(status="failed", expected=240, done=200, failed=40)
    make_run("hourly-usage", status="running")
    marks = lines()["Monthly billing"].marks
    assert [mark.address for mark in marks] == [
        reverse("admin:jobs_jobrun_change", args=[run.pk]) for run in [*runs[-19:], failed]
    ]
    started = f"{failed.created_at:%Y-%m-%d %H:%M}"
    said = f"Monthly billing #{failed.pk}: failed, {started} UTC, 200 of 240 done, 40 failed"
    assert (marks[-1].state, marks[-1].text) == ("failed", said)
    assert [mark.state for mark in lines()["Hourly usage"].marks] == ["running"]


def test_dry_runs_are_shown_only_where_there_is_nothing_else() -> None:
    real = make_run(status="succeeded")
    make_run(status="failed", dry_run=True)
    dry = make_run("hourly-usage", status="succeeded", dry_run=True)
    found = lines()
    assert [mark.state for mark in found["Monthly billing"].marks] == ["succeeded"]
    assert found["Monthly billing"].last is not None
    assert found["Monthly billing"].last["run"] == real
    assert found["Hourly usage"].last is not None
    assert found["Hourly usage"].last["run"] == dry
    assert "(dry run)" in found["Hourly usage"].marks[0].text


def test_every_declared_job_is_there_and_those_that_were() -> None:
    make_run("former-job", status="succeeded")
    names = [line.title for line in describe_jobs(now())["lines"]]
    assert {"Monthly billing", "Hourly usage", "Deliver invoices"} < set(names)
    assert names[-1] == "former-job"


def test_jobs_that_never_ran_come_after_those_that_did() -> None:
    make_run("record-issued-invoices", status="succeeded")
    make_run("hourly-usage", status="succeeded")
    names = [line.title for line in describe_jobs(now())["lines"]]
    assert names[:2] == ["Hourly usage", "Record issued invoices"]
    assert names[2:] == sorted(names[2:])


def test_a_former_job_is_known_once() -> None:
    make_run("former-job", status="succeeded")
    assert list_known_jobs().count("former-job") == 1


def test_a_line_says_when_the_job_runs_next() -> None:
    sync_schedules()
    due = lines()["Hourly usage"].due_at
    assert due is not None
    assert now() < due <= now() + dt.timedelta(hours=1)
    PeriodicTask.objects.filter(name="hourly-usage").update(enabled=False)
    paused = lines()["Hourly usage"]
    assert (paused.due_at, paused.is_paused) == (None, True)
    assert not lines()["Deliver invoices"].is_paused


def test_of_several_schedules_the_next_says_which_it_is() -> None:
    sync_schedules()
    found = lines()
    assert found["Hourly usage"].due_by is None
    rows = PeriodicTask.objects.filter(name__startswith="monthly-billing").order_by("name")
    assert [row.name for row in rows] == ["monthly-billing", "monthly-billing-other-days"]
    due_by = found["Monthly billing"].due_by
    assert due_by in list(rows)
    assert due_by is not None and due_by.name in log_in("Read only").get(reverse("admin:index")).content.decode()


def _ring_at(minute: str, hour: str) -> None:
    row = PeriodicTask.objects.get(name="hourly-usage")
    row.crontab = CrontabSchedule.objects.create(minute=minute, hour=hour, timezone="UTC")
    row.save()  # type: ignore[no-untyped-call]  # the library has no types


def test_a_line_says_how_its_monitor_stands() -> None:
    assert lines()["Hourly usage"].monitor is None
    values = {"state": "missed", "why": "Due at 10:00, not begun"}
    JobMonitor.objects.update_or_create(job="hourly-usage", defaults=values)
    JobMonitor.objects.update_or_create(job="monthly-billing", defaults={"state": "new"})
    line = lines()["Hourly usage"]
    assert line.monitor is not None
    assert (line.monitor.state, line.monitor_tone, lines()["Monthly billing"].monitor) == ("missed", "danger", None)
    page = log_in("Support").get(FRONT).content.decode()
    assert 'title="Due at 10:00, not begun"' in page


def test_what_is_still_due_today_is_named_and_nothing_of_tomorrow() -> None:
    sync_schedules()
    _ring_at("15", "*/6")
    found = describe_jobs(MOMENT)
    (due,) = [one for one in found["due"] if one.title == "Hourly usage"]
    assert due.times == [MOMENT.replace(hour=12, minute=15), MOMENT.replace(hour=18, minute=15)]
    marked = [hour.number for hour in found["hours"] if any("Hourly usage: due at" in mark.text for mark in hour.marks)]
    assert marked == [12, 18]
    assert {mark.state for mark in found["hours"][12].marks} == {"due"}
    assert [hour.number for hour in found["hours"] if hour.is_now] == [10]
    assert [hour.number for hour in found["hours"] if hour.is_past] == list(range(10))


def test_a_schedule_that_rings_every_minute_stays_readable() -> None:
    sync_schedules()
    _ring_at("*", "*")
    found = describe_jobs(MOMENT)
    (due,) = [one for one in found["due"] if one.title == "Hourly usage"]
    assert (len(due.times), len(due.shown), due.others) == (13 * 60 + 29, 4, 13 * 60 + 25)
    assert "11:00, 11:01, 11:02, 11:03 UTC and 56 times more" in found["hours"][11].marks[0].text
    assert max(len(hour.marks) for hour in found["hours"]) <= 6


def test_runs_of_a_day_are_sorted_by_hour_the_newest_kept() -> None:
    midnight = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    two = [make_run(created_at=midnight + dt.timedelta(hours=2, minutes=minute)) for minute in range(5)]
    late = make_run(created_at=midnight + dt.timedelta(hours=23, minutes=59))
    make_run(created_at=midnight - dt.timedelta(seconds=1))
    make_run(created_at=midnight + dt.timedelta(days=1))
    make_run(created_at=midnight, dry_run=True)
    assert list_runs_of_day(midnight, 3) == {2: two[-3:], 23: [late]}


def test_hours_with_many_runs_say_that_there_are_more() -> None:
    for _ in range(9):
        make_run(status="succeeded", created_at=MOMENT)
    this = next(hour for hour in describe_jobs(MOMENT)["hours"] if hour.is_now)
    assert (len(this.marks), this.has_more) == (6, True)


def test_the_page_shows_it_all_in_words_too(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = spare_redis_url()
    run = make_run(status="partial")
    make_run(status="queued", created_at=now() - dt.timedelta(minutes=12))
    note_tick("sweep")
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as server:
        server.flushdb()
        server.rpush("billing", *range(1200))
        page = log_in("Support").get(FRONT).content.decode()
        server.flushdb()
    for text in (f'aria-label="Monthly billing #{run.pk}: partly failed, ', "1,200", "12 min 0", "last ticked"):
        assert text in page


def test_a_broker_that_is_away_does_not_take_the_page_along(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    page = log_in("Support").get(FRONT)
    assert page.status_code == 200
    assert ("unknown" in page.content.decode(), "never ticked" in page.content.decode()) == (True, True)


def test_the_number_of_queries_does_not_grow() -> None:
    for name in ("monthly-billing", "hourly-usage", "former-job"):
        make_run(name, status="succeeded")
    with CaptureQueriesContext(connection) as few:
        describe_jobs(now())
    for name in ("monthly-billing", "hourly-usage", "former-job"):
        for _ in range(30):
            make_run(name, status="succeeded")
    with CaptureQueriesContext(connection) as many:
        describe_jobs(now())
    assert len(few) == len(many)
