"""Schedules: rows that the code creates and people own, and the instants for which they ring."""

import datetime as dt
import json
import zoneinfo
from collections.abc import Sequence

import pytest
from cronsim import CronSimError
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from pytest_django import Settings

from jobs.registry import Job, get_job
from jobs.schedules import (
    days_after,
    declared_schedules,
    latest_slot,
    next_due,
    six_to_five_fields,
    sync_schedules,
)
from tests.jobs.conftest import Declare

pytestmark = pytest.mark.django_db
PARIS = zoneinfo.ZoneInfo("Europe/Paris")


@pytest.fixture(autouse=True)
def hourly(declare: Declare) -> None:
    """A job of every hour."""

    @declare("often", title="Often", schedule="7 * * * *")
    class Often(Job):
        def keys(self) -> Sequence[str]:
            return []


def declare_anew(schedule: str) -> None:
    """Release another version of the code, with another schedule."""
    get_job("often").schedule = schedule
    sync_schedules()


def row(name: str = "often") -> PeriodicTask:
    found: PeriodicTask = PeriodicTask.objects.select_related("crontab", "interval").get(name=name)
    return found


def save(task: PeriodicTask) -> None:
    """Save a row as the admin does."""
    task.save()  # type: ignore[no-untyped-call]  # the library leaves it untyped


def expression(name: str = "often") -> str:
    crontab = row(name).crontab
    assert crontab is not None
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return " ".join(str(getattr(crontab, field)) for field in fields)


def crontab(text: str, zone: str = "UTC") -> CrontabSchedule:
    minute, hour, day, month, weekday = text.split()
    return CrontabSchedule.objects.create(
        minute=minute, hour=hour, day_of_month=day, month_of_year=month, day_of_week=weekday,
        timezone=zoneinfo.ZoneInfo(zone),
    )  # fmt: skip


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


# Rows


def test_every_declared_schedule_has_a_row_after_migrating() -> None:
    assert expression("monthly-billing") == "0 2 1 * *"
    other_days = row("monthly-billing-other-days")
    assert expression("monthly-billing-other-days") == "0 2 2-31 * *"
    assert json.loads(other_days.kwargs) == {"job": "monthly-billing", "schedule": "monthly-billing-other-days"}
    assert expression("hourly-usage") == "0 * * * *"
    for name in ("monthly-billing", "hourly-usage"):
        found = row(name)
        assert (found.task, found.kwargs, found.enabled) == ("jobs.start_job", f'{{"job": "{name}"}}', True)
        assert found.crontab is not None and str(found.crontab.timezone) == "UTC"
    for name in ("sweep", "tick"):
        own = row(name)
        assert (own.task, own.enabled, own.expire_seconds) == (f"jobs.{name}", True, 60)
        assert own.interval is not None and own.interval.schedule.run_every == dt.timedelta(seconds=20)


def test_a_job_without_a_schedule_has_no_row() -> None:
    sync_schedules()
    assert not PeriodicTask.objects.filter(name__in=["deliver-invoices", "billing-summary"]).exists()


def test_a_row_is_created_once() -> None:
    sync_schedules()
    before = list(PeriodicTask.objects.order_by("pk").values())
    assert row().description == "Declared as 7 * * * * (UTC)."
    sync_schedules()
    assert list(PeriodicTask.objects.order_by("pk").values()) == before


def test_a_row_nobody_edited_follows_the_declaration() -> None:
    sync_schedules()
    declare_anew("9 * * * *")
    assert (expression(), row().description) == ("9 * * * *", "Declared as 9 * * * * (UTC).")
    declare_anew("11 3 * * *")
    assert expression() == "11 3 * * *"


@pytest.mark.parametrize("edit", ["time", "zone", "interval", "words", "paused"])
def test_what_somebody_edited_is_never_overwritten(edit: str) -> None:
    sync_schedules()
    found = row()
    match edit:
        case "time":
            found.crontab = crontab("30 5 * * *")
        case "zone":
            found.crontab = crontab("7 * * * *", "Europe/Paris")
        case "interval":
            found.crontab = None
            found.interval = IntervalSchedule.objects.create(every=2, period=IntervalSchedule.HOURS)
        case "words":
            found.description = "Ask Ann before you change this."
        case "paused":
            found.enabled = False
    save(found)
    sync_schedules()
    declare_anew("9 * * * *")
    after = row()
    if edit == "paused":
        assert (after.enabled, expression()) == (False, "9 * * * *")
        return
    unchanged = (after.crontab_id, after.interval_id, after.description, after.enabled)
    assert unchanged == (found.crontab_id, found.interval_id, found.description, True)


def test_a_job_that_is_gone_leaves_its_row_to_people() -> None:
    sync_schedules()
    declare_anew("")
    assert expression() == "7 * * * *"


# The former setting


def test_the_former_setting_sets_the_schedule_of_billing_alone(settings: Settings) -> None:
    settings.RUN_SCHEDULE = "0 30 4 2 * *"
    assert declared_schedules(get_job("monthly-billing")) == {
        "monthly-billing": "30 4 2 * *",
        "monthly-billing-other-days": "30 4 3-31 * *",
    }
    assert declared_schedules(get_job("hourly-usage")) == {"hourly-usage": "0 * * * *"}
    sync_schedules()
    assert expression("monthly-billing") == "30 4 2 * *"
    assert expression("monthly-billing-other-days") == "30 4 3-31 * *"
    settings.RUN_SCHEDULE = ""
    sync_schedules()
    assert expression("monthly-billing") == "0 2 1 * *"
    assert expression("monthly-billing-other-days") == "0 2 2-31 * *"


def test_without_a_single_day_there_are_no_other_days(settings: Settings) -> None:
    settings.RUN_SCHEDULE = "0 30 4 * * 1"
    sync_schedules()
    assert expression("monthly-billing") == "30 4 * * 1"
    assert not PeriodicTask.objects.filter(name="monthly-billing-other-days").exists()
    settings.RUN_SCHEDULE = ""
    sync_schedules()
    assert expression("monthly-billing-other-days") == "0 2 2-31 * *"


@pytest.mark.parametrize(
    ("given", "after"),
    [
        ("0 2 1 * *", "0 2 2-31 * *"),
        ("5 23 30 * *", "5 23 31-31 * *"),
        ("0 2 31 * *", ""),
        ("0 2 L * *", ""),
        ("0 2 1,15 * *", ""),
        ("0 2 1 1 *", ""),
        ("0 2 1 * 1", ""),
    ],
)
def test_the_days_after_a_day(given: str, after: str) -> None:
    assert days_after(given) == after


@pytest.mark.parametrize(
    ("given", "read"),
    [("0 0 2 1 * *", "0 2 1 * *"), ("00 15 */6 * * 1-5", "15 */6 * * 1-5"), (" 0  0 0 L * * ", "0 0 L * *")],
)
def test_six_fields_are_read_as_five(given: str, read: str) -> None:
    assert six_to_five_fields(given) == read


@pytest.mark.parametrize("given", ["", "0 2 1 * *", "30 0 2 1 * *", "* 0 2 1 * *", "0 0 2 1 * * 2026", "nonsense"])
def test_what_is_no_six_fields_or_asks_for_seconds_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="is not a schedule: give six fields, the first of them"):
        six_to_five_fields(given)


@pytest.mark.parametrize("given", ["0 60 2 1 * *", "0 0 25 1 * *", "0 0 2 32 * *", "0 0 2 30 2 *", "0 a b c d e"])
def test_a_time_that_never_comes_is_refused(given: str) -> None:
    with pytest.raises(CronSimError):
        six_to_five_fields(given)


# Slots


@pytest.mark.parametrize(
    ("schedule", "zone", "moment", "slot"),
    [
        ("0 2 1 * *", "UTC", "2026-11-01T02:00:00", "2026-11-01T02:00:00"),
        ("0 2 1 * *", "UTC", "2026-11-01T02:00:59.999999", "2026-11-01T02:00:00"),
        ("0 2 1 * *", "UTC", "2026-11-01T01:59:59.999999", "2026-10-01T02:00:00"),
        ("0 2 1 * *", "UTC", "2026-11-30T23:59:59", "2026-11-01T02:00:00"),
        ("0 * * * *", "UTC", "2026-01-01T00:00:00", "2026-01-01T00:00:00"),
        ("0 * * * *", "UTC", "2025-12-31T23:59:59", "2025-12-31T23:00:00"),
        ("*/15 * * * *", "UTC", "2026-10-10T10:44:59", "2026-10-10T10:30:00"),
        ("0 0 29 2 *", "UTC", "2026-10-10T10:44:59", "2024-02-29T00:00:00"),
        ("0 2 1 * *", "Europe/Paris", "2026-11-01T01:00:00", "2026-11-01T01:00:00"),
        ("0 2 1 * *", "Europe/Paris", "2026-11-01T00:59:59", "2026-10-01T00:00:00"),
        # Clocks are put back from 03:00 to 02:00 at 01:00 UTC: that hour comes twice.
        ("0 * * * *", "Europe/Paris", "2026-10-25T00:30:00", "2026-10-25T00:00:00"),
        ("0 * * * *", "Europe/Paris", "2026-10-25T01:00:00", "2026-10-25T01:00:00"),
        ("0 * * * *", "Europe/Paris", "2026-10-25T01:30:00", "2026-10-25T01:00:00"),
        ("*/10 * * * *", "Europe/Paris", "2026-10-25T01:35:00", "2026-10-25T01:30:00"),
        ("30 2 * * *", "Europe/Paris", "2026-10-25T00:30:00", "2026-10-25T00:30:00"),
        ("30 2 * * *", "Europe/Paris", "2026-10-25T01:10:00", "2026-10-25T00:30:00"),
        ("30 2 * * *", "Europe/Paris", "2026-10-25T01:30:00", "2026-10-25T00:30:00"),
        # Clocks are put forward from 02:00 to 03:00 at 01:00 UTC: that hour never comes.
        ("0 * * * *", "Europe/Paris", "2026-03-29T00:59:00", "2026-03-29T00:00:00"),
        ("0 * * * *", "Europe/Paris", "2026-03-29T01:00:00", "2026-03-29T01:00:00"),
        ("30 2 * * *", "Europe/Paris", "2026-03-29T00:59:00", "2026-03-28T01:30:00"),
        ("30 2 * * *", "Europe/Paris", "2026-03-29T01:00:00", "2026-03-29T01:00:00"),
        ("30 2 * * *", "Europe/Paris", "2026-03-29T01:30:00", "2026-03-29T01:00:00"),
    ],
)
def test_the_slot_is_the_last_due_time(schedule: str, zone: str, moment: str, slot: str) -> None:
    task = PeriodicTask(name="x", task="x", crontab=crontab(schedule, zone))
    assert latest_slot(task, utc(moment)) == utc(slot)
    # Whichever zone the clock that was read is in.
    assert latest_slot(task, utc(moment).astimezone(PARIS)) == utc(slot)


@pytest.mark.parametrize(
    ("moment", "slot"),
    [
        ("2026-10-10T10:00:00", "2026-10-10T10:00:00"),
        ("2026-10-10T10:09:59.9", "2026-10-10T10:00:00"),
        ("2026-10-10T10:10:00", "2026-10-10T10:10:00"),
    ],
)
def test_the_slot_of_an_interval_is_the_last_full_one(moment: str, slot: str) -> None:
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.MINUTES)
    assert latest_slot(PeriodicTask(name="x", task="x", interval=every), utc(moment)) == utc(slot)


def test_the_next_due_time_is_said_in_utc_unless_paused() -> None:
    task = PeriodicTask(name="x", task="x", crontab=crontab("0 2 1 * *", "Europe/Paris"))
    assert next_due(task, utc("2026-10-10T10:00:00")) == utc("2026-11-01T01:00:00")
    assert next_due(task, utc("2026-11-01T01:00:00")) == utc("2026-12-01T01:00:00")
    task.enabled = False
    assert next_due(task, utc("2026-10-10T10:00:00")) is None
