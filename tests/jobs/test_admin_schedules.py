"""Schedules in the admin: when, and whether at all, is the staff's; what runs is the code's."""

import pytest
from django.contrib import admin
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from jobs.schedules import sync_schedules
from tests.factories.staff import log_in

pytestmark = pytest.mark.django_db
LIST = reverse("admin:django_celery_beat_periodictask_changelist")


@pytest.fixture
def row() -> PeriodicTask:
    """Return the schedule of monthly billing."""
    sync_schedules()
    return PeriodicTask.objects.get(name="monthly-billing")


def _change(row: PeriodicTask) -> str:
    return reverse("admin:django_celery_beat_periodictask_change", args=[row.pk])


def test_the_list_says_in_words_when_each_is_due(row: PeriodicTask) -> None:
    page = log_in("Read only").get(LIST).content.decode()
    assert "At 02:00 AM, on day 1 of the month" in page
    assert "-01 02:00" in page


def test_operations_move_a_schedule_and_the_code_leaves_it_there(row: PeriodicTask) -> None:
    other = CrontabSchedule.objects.create(minute="30", hour="5", day_of_month="2", timezone="UTC")
    log_in("Operations").post(_change(row), {"enabled": "on", "crontab": other.pk, "description": row.description})
    sync_schedules()
    row.refresh_from_db()
    assert (row.crontab, row.enabled) == (other, True)


def test_what_runs_can_not_be_changed(row: PeriodicTask) -> None:
    values = {
        "enabled": "on",
        "crontab": row.crontab_id,
        "task": "evil",
        "name": "evil",
        "kwargs": "{}",
        "queue": "evil",
    }
    log_in(superuser=True).post(_change(row), values)
    row.refresh_from_db()
    assert (row.name, row.task, row.kwargs) == ("monthly-billing", "jobs.start_job", '{"job": "monthly-billing"}')


@pytest.mark.parametrize("both", [True, False])
def test_a_schedule_has_exactly_one_timetable(row: PeriodicTask, both: bool) -> None:
    every = IntervalSchedule.objects.create(every=5, period="minutes")
    values = {"enabled": "on", **({"crontab": row.crontab_id, "interval": every.pk} if both else {})}
    page = log_in("Operations").post(_change(row), values).content.decode()
    assert "Choose either a crontab or an interval." in page
    crontab = row.crontab
    row.refresh_from_db()
    assert (row.crontab, row.interval) == (crontab, None)


def test_operations_pause_and_resume(row: PeriodicTask) -> None:
    client = log_in("Operations")
    for action, enabled in (("pause", False), ("resume", True)):
        client.post(LIST, {"action": action, "_selected_action": row.pk})
        row.refresh_from_db()
        assert row.enabled is enabled


@pytest.mark.parametrize("group", ["Finance", "Support", "Read only"])
def test_others_look_on(row: PeriodicTask, group: str) -> None:
    client = log_in(group)
    client.post(LIST, {"action": "pause", "_selected_action": row.pk})
    assert client.post(_change(row), {"enabled": ""}).status_code == 403
    row.refresh_from_db()
    assert row.enabled


def test_nobody_adds_or_deletes_a_schedule(row: PeriodicTask) -> None:
    client = log_in(superuser=True)
    assert client.get(reverse("admin:django_celery_beat_periodictask_add")).status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/django_celery_beat/crontabschedule/{row.crontab_id}/delete/").status_code == 403
    assert PeriodicTask.objects.filter(pk=row.pk).exists()


def test_a_crontab_that_is_none_is_refused_at_its_field() -> None:
    values = {
        "minute": "61",
        "hour": "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "day_of_week": "*",
        "timezone": "UTC",
    }
    page = log_in("Operations").post(reverse("admin:django_celery_beat_crontabschedule_add"), values)
    assert list(page.context["adminform"].form.errors) == ["minute"]


def test_timetables_that_nothing_uses_are_hidden() -> None:
    assert not admin.site.is_registered(SolarSchedule)
    assert not admin.site.is_registered(ClockedSchedule)
