"""Monitors in the admin: how each job stands, what staff expect of it, and keeping quiet for a while."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from jobs.models import JobMonitor, JobRun, MonitorChange
from jobs.services.monitoring import refresh_monitor, sync_monitors
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
LIST = reverse("admin:jobs_jobmonitor_changelist")
SETTINGS = {
    "grace_seconds": "900",
    "longest_run_seconds": "7200",
    "failures_before_alert": "3",
    "successes_before_recovery": "2",
    "expected_floor": "240",
}


@pytest.fixture
def monitor() -> JobMonitor:
    """Return the monitor of hourly usage."""
    sync_monitors(timezone.now())
    return JobMonitor.objects.get(job="hourly-usage")


def _door(monitor: JobMonitor, door: str = "change") -> str:
    return reverse(f"admin:jobs_jobmonitor_{door}", args=[monitor.pk])


def _fail(monitor: JobMonitor) -> JobRun:
    moment = timezone.now()
    run = JobRun.objects.create(
        job=monitor.job, trigger="admin", status="failed", started_at=moment, finished_at=moment, error="No meter."
    )
    JobMonitor.objects.update(check_at=moment)
    assert refresh_monitor(monitor.pk, moment)
    return run


def test_every_declared_job_has_one_and_says_how_it_stands(monitor: JobMonitor) -> None:
    _fail(monitor)
    client = log_in("Read only")
    page = client.get(LIST).content.decode()
    for text in (
        "Hourly usage",
        "Monthly billing",
        "Not run yet",
        "Failing",
        "UTC failed: No meter.",
    ):
        assert text in page
    assert [m.job for m in client.get(f"{LIST}?state__exact=failing").context["cl"].result_list] == ["hourly-usage"]


def test_the_page_shows_why_since_when_and_how_it_stood(monitor: JobMonitor) -> None:
    run = _fail(monitor)
    page = log_in("Read only").get(_door(monitor)).content.decode()
    address = reverse("admin:jobs_jobrun_change", args=[run.pk])
    for text in ("Failing", "UTC failed: No meter.", address, "How it stood", "Not run yet", "Next due"):
        assert text in page
    assert _door(monitor, "pause") not in page
    monitor.refresh_from_db()
    assert f'href="{_door(monitor)}">Failing</a>' in log_in("Read only").get(address).content.decode()


def test_operations_say_what_they_expect(monitor: JobMonitor) -> None:
    JobMonitor.objects.update(check_at=None, why="Kept", troubles={"late": {}})
    log_in("Operations").post(_door(monitor), {**SETTINGS, "state": "failing", "job": "evil"})
    monitor.refresh_from_db()
    assert (monitor.grace_seconds, monitor.longest_run_seconds, monitor.expected_floor) == (900, 7200, 240)
    assert (monitor.failures_before_alert, monitor.successes_before_recovery) == (3, 2)
    assert (monitor.job, monitor.state, monitor.why, monitor.troubles) == ("hourly-usage", "new", "Kept", {"late": {}})
    assert monitor.check_at is not None
    assert AuditEntry.objects.filter(object_id=str(monitor.pk)).count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grace_seconds", "59"),
        ("longest_run_seconds", "0"),
        ("failures_before_alert", "0"),
        ("failures_before_alert", "21"),
        ("successes_before_recovery", "-1"),
        ("expected_floor", "0"),
    ],
)
def test_what_nobody_can_expect_is_refused(monitor: JobMonitor, field: str, value: str) -> None:
    page = log_in("Operations").post(_door(monitor), {**SETTINGS, field: value})
    assert list(page.context["adminform"].form.errors) == [field]


def test_operations_let_it_keep_quiet_and_watch_again(monitor: JobMonitor) -> None:
    _fail(monitor)
    client = log_in("Operations")
    client.post(_door(monitor, "pause"), {"reason": "Migration", "until": "2099-01-01T00:00"})
    monitor.refresh_from_db()
    assert (monitor.state, monitor.paused_reason, monitor.troubles) == ("paused", "Migration", {})
    assert monitor.check_at == monitor.paused_until == dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    assert "until 2099-01-01 00:00 UTC: Migration" in client.get(_door(monitor)).content.decode()
    client.post(_door(monitor, "resume"))
    monitor.refresh_from_db()
    assert (monitor.state, monitor.is_paused) == ("failing", False)
    states = MonitorChange.objects.order_by("id").values_list("before", "after")
    assert list(states) == [("new", "failing"), ("failing", "paused"), ("paused", "failing")]
    assert list(AuditEntry.objects.order_by("id").values_list("verb", flat=True)) == ["pause", "resume"]


@pytest.mark.parametrize("group", ["Finance", "Support", "Read only"])
def test_others_look_on(monitor: JobMonitor, group: str) -> None:
    client = log_in(group)
    for door in ("change", "pause", "resume"):
        assert client.post(_door(monitor, door), {**SETTINGS, "reason": "No"}).status_code == 403
    assert client.get(_door(monitor, "pause")).status_code == 403
    monitor.refresh_from_db()
    assert (monitor.grace_seconds, monitor.is_paused) == (600, False)


def test_nobody_adds_or_deletes_one(monitor: JobMonitor) -> None:
    client = log_in(superuser=True)
    assert client.get(reverse("admin:jobs_jobmonitor_add")).status_code == 403
    assert client.post(f"{LIST}{monitor.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}9999999/change/").status_code == 404


@pytest.mark.parametrize(
    ("typed", "seconds", "shown"),
    [
        ("1 day", 86_400, "1 day"),
        ("86400", 86_400, "1 day"),
        ("1d 6h", 108_000, "1 day 6 hours"),
        ("90 min", 5_400, "1 hour 30 minutes"),
        ("2 hours and 5 seconds", 7_205, "2 hours 5 seconds"),
    ],
)
def test_spans_are_typed_and_shown_in_words(monitor: JobMonitor, typed: str, seconds: int, shown: str) -> None:
    client = log_in("Operations")
    assert client.post(_door(monitor), {**SETTINGS, "longest_run_seconds": typed}).status_code == 302
    monitor.refresh_from_db()
    assert monitor.longest_run_seconds == seconds
    assert f'value="{shown}"' in client.get(_door(monitor)).content.decode()
    assert f">{shown}<" in "".join(log_in("Read only").get(_door(monitor)).content.decode().split("\n")).replace(
        " " * 4, ""
    )


@pytest.mark.parametrize("typed", ["soon", "1 week", "-5 minutes", "59 s", "1.5 hours", "401 days", "9" * 30, "²"])
def test_what_is_no_span_is_refused(monitor: JobMonitor, typed: str) -> None:
    page = log_in("Operations").post(_door(monitor), {**SETTINGS, "grace_seconds": typed})
    assert list(page.context["adminform"].form.errors) == ["grace_seconds"]
    monitor.refresh_from_db()
    assert monitor.grace_seconds == 600
