"""Schedules in the admin: when, and whether at all, is the staff's; what runs is the code's."""

import datetime as dt
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from accounts.models import AuditEntry
from jobs.models import JobRun, JobSchedule
from jobs.schedules import sync_schedules
from tests.factories.staff import log_in, make_staff

pytestmark = pytest.mark.django_db
LIST = reverse("admin:django_celery_beat_periodictask_changelist")
LEAP_DAY = {
    "kind": "crontab",
    "expression": "30 5 29 2 *",
    "zone": "Europe/Berlin",
    "period": "minutes",
    "note": "Moved",
    "reason": "Quarter end",
}


@pytest.fixture
def row() -> PeriodicTask:
    """Return the schedule of monthly billing."""
    sync_schedules()
    return PeriodicTask.objects.get(name="monthly-billing")


@pytest.fixture
def usage() -> PeriodicTask:
    """Return the schedule of a job that moves no money."""
    sync_schedules()
    return PeriodicTask.objects.get(name="hourly-usage")


def _mover() -> Client:
    """Log in somebody of Operations who may start billing, too."""
    user = make_staff("Operations")
    user.user_permissions.add(Permission.objects.get(codename="run_billing"))
    client = Client()
    client.force_login(user)
    return client


def _door(row: PeriodicTask, door: str = "change") -> str:
    return reverse(f"admin:django_celery_beat_periodictask_{door}", args=[row.pk])


def _standing(row: PeriodicTask) -> JobSchedule:
    return JobSchedule.objects.select_related("task__crontab", "task__interval").get(task=row)


def test_the_list_says_in_words_when_each_is_due(row: PeriodicTask) -> None:
    page = log_in("Read only").get(LIST).content.decode()
    assert "At 02:00 AM, on day 1 of the month UTC" in page
    assert "-01 02:00" in page
    assert "Monthly billing (monthly-billing-other-days)" in page
    assert "sweep" not in page


def test_whoever_may_start_billing_moves_its_schedule_and_the_code_leaves_it_there(row: PeriodicTask) -> None:
    client = _mover()
    before = dt.datetime.now(dt.UTC)
    assert client.post(_door(row), {**LEAP_DAY, "action": "save"}).status_code == 302
    sync_schedules()
    standing = _standing(row)
    assert (standing.timetable, standing.task.description) == ("30 5 29 2 * (Europe/Berlin)", "Moved")
    assert standing.counts_from >= before
    assert standing.due_at == dt.datetime(2028, 2, 29, 4, 30, tzinfo=dt.UTC)
    entry = AuditEntry.objects.get(verb="change", object_id=str(row.pk))
    assert entry.after == {"timetable": "30 5 29 2 * (Europe/Berlin)", "note": "Moved"}
    assert entry.reason == "Quarter end"
    page = client.get(_door(row)).content.decode()
    for text in ("Tue 2028-02-29 04:30", "Tue 2028-02-29 05:30 CET", "2044-02-29 04:30"):
        assert text in page


def test_a_note_of_what_the_code_declared_goes_with_it(row: PeriodicTask) -> None:
    client = _mover()
    same = {**LEAP_DAY, "expression": "0 2 1 * *", "zone": "UTC", "note": row.description, "action": "save"}
    client.post(_door(row), same)
    assert _standing(row).task.description == "Declared as 0 2 1 * * (UTC)."
    client.post(_door(row), {**same, "expression": "0 3 1 * *"})
    assert (_standing(row).task.description, _standing(row).timetable) == ("", "0 3 1 * * (UTC)")


def test_times_are_shown_before_anything_is_saved(row: PeriodicTask) -> None:
    page = _mover().post(_door(row), {**LEAP_DAY, "action": "preview"}).content.decode()
    assert "It would run next, not saved yet" in page
    assert page.count("-02-29 04:30") == 5
    assert page.count("-02-29 05:30 CET") == 5
    assert _standing(row).timetable == "0 2 1 * * (UTC)"
    assert CrontabSchedule.objects.filter(day_of_month="29").count() == 0
    assert not AuditEntry.objects.exists()


def test_a_schedule_can_run_by_interval(row: PeriodicTask) -> None:
    values = {"kind": "interval", "every": "6", "period": "hours", "zone": "UTC", "reason": "Trial", "action": "save"}
    _mover().post(_door(row), values)
    standing = _standing(row)
    assert (standing.task.crontab, standing.timetable) == (None, "every 6 hours")
    assert standing.due_at is not None and standing.due_at.hour % 6 == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"expression": ""}, "expression"),
        ({"expression": "0 2 1 *"}, "expression"),
        ({"expression": "0 0 2 1 * *"}, "expression"),
        ({"expression": "61 * * * *"}, "expression"),
        ({"expression": "0 2 30 2 *"}, "expression"),
        ({"expression": "0 2 L * *"}, "expression"),
        ({"expression": "0 2 1 * 'x"}, "expression"),
        ({"zone": "Moon/Base"}, "zone"),
        ({"kind": "interval", "every": ""}, "every"),
        ({"kind": "interval", "every": "0"}, "every"),
        ({"kind": "interval", "every": "6", "period": "moons"}, "period"),
        ({"kind": "sometimes"}, "kind"),
        ({"reason": " "}, "reason"),
        ({"expression": "* * * * *"}, "expression"),
        ({"expression": "*/4 * * * *"}, "expression"),
        ({"expression": "0,59 * * * *"}, "expression"),
        ({"expression": "0,1 2 1 1 *"}, "expression"),
        ({"kind": "interval", "every": "299", "period": "seconds"}, "every"),
        ({"kind": "interval", "every": "4", "period": "minutes"}, "every"),
        ({"kind": "interval", "every": "1", "period": "microseconds"}, "period"),
    ],
)
def test_what_never_comes_true_is_refused_at_its_field(row: PeriodicTask, values: dict[str, str], field: str) -> None:
    response = _mover().post(_door(row), {**LEAP_DAY, "action": "save", **values})
    assert list(response.context["form"].errors) == [field]
    assert _standing(row).timetable == "0 2 1 * * (UTC)"


def test_what_runs_can_not_be_changed(row: PeriodicTask) -> None:
    evil = {"task": "evil", "name": "evil", "kwargs": "{}", "queue": "evil", "enabled": ""}
    log_in(superuser=True).post(_door(row), {**LEAP_DAY, **evil, "action": "save"})
    row.refresh_from_db()
    assert (row.name, row.task, row.kwargs) == ("monthly-billing", "jobs.start_job", '{"job": "monthly-billing"}')
    assert (row.queue, row.enabled) == ("default", True)


def test_operations_pause_with_a_reason_and_an_end_and_resume(row: PeriodicTask) -> None:
    client = log_in("Operations")
    client.post(_door(row, "pause"), {"reason": "Audit", "until": "2099-11-30T18:00"})
    standing = _standing(row)
    assert (standing.task.enabled, standing.paused_reason) == (False, "Audit")
    assert standing.paused_until == dt.datetime(2099, 11, 30, 18, tzinfo=dt.UTC)
    assert "until 2099-11-30 18:00 UTC: Audit" in client.get(LIST).content.decode()
    assert "None: this schedule is paused." in client.get(_door(row)).content.decode()
    client.post(_door(row, "resume"))
    standing = _standing(row)
    assert (standing.task.enabled, standing.paused_until, standing.is_paused) == (True, None, False)
    of_row = AuditEntry.objects.filter(object_id=str(row.pk)).order_by("id")
    assert list(of_row.values_list("verb", "reason")) == [("pause", "Audit"), ("resume", "")]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "Audit", "until": "2001-01-01T00:00"}, "until"),
        ({"reason": "Audit", "until": "tomorrow"}, "until"),
    ],
)
def test_a_pause_without_sense_is_refused(row: PeriodicTask, values: dict[str, str], field: str) -> None:
    response = log_in("Operations").post(_door(row, "pause"), values)
    assert list(response.context["form"].errors) == [field]
    assert _standing(row).task.enabled


def test_whoever_may_start_the_job_runs_it_now_once(row: PeriodicTask) -> None:
    client = log_in("Finance")
    mark = client.get(_door(row, "run")).context["form"].initial["mark"]
    assert list(client.post(_door(row, "run"), {"mark": mark}).context["form"].errors) == ["reason"]
    before = _standing(row).due_at
    for _ in range(2):
        client.post(_door(row, "run"), {"mark": mark, "reason": "Late data"})
    run = JobRun.objects.get()
    assert (run.trigger, run.reason, run.params["due_by"]) == ("admin", "Late data", f"{run.created_at:%Y-%m-%d}")
    assert _standing(row).due_at == before


@pytest.mark.parametrize("group", ["Finance", "Support", "Read only"])
@pytest.mark.parametrize("door", ["change", "pause", "resume"])
def test_others_look_on(row: PeriodicTask, group: str, door: str) -> None:
    client = log_in(group)
    values: dict[str, Any] = {**LEAP_DAY, "action": "save", "reason": "No"}
    assert client.post(_door(row, door), values).status_code == 403
    assert (_standing(row).timetable, _standing(row).task.enabled) == ("0 2 1 * * (UTC)", True)
    page = client.get(_door(row))
    assert (page.status_code, page.context["form"]) == (200, None)


@pytest.mark.parametrize("group", ["Operations", "Support", "Read only"])
def test_running_now_is_for_those_who_may_start_the_job(row: PeriodicTask, group: str) -> None:
    client = log_in(group)
    assert client.post(_door(row, "run"), {"reason": "No"}).status_code == 403
    assert "Run now" not in client.get(_door(row)).content.decode()
    assert not JobRun.objects.exists()


def test_whoever_sees_no_schedules_sees_none(row: PeriodicTask) -> None:
    client = log_in()
    for door in ("change", "pause", "resume", "run"):
        assert client.get(_door(row, door)).status_code == 403


def test_an_address_that_names_no_schedule_is_not_found(row: PeriodicTask) -> None:
    client = log_in(superuser=True)
    sweep = PeriodicTask.objects.get(name="sweep")
    assert client.get(_door(sweep)).status_code == 404
    assert client.get(f"{LIST}9999999/change/").status_code == 404


def test_nobody_adds_or_deletes_a_schedule(row: PeriodicTask) -> None:
    client = log_in(superuser=True)
    assert client.get(reverse("admin:django_celery_beat_periodictask_add")).status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert PeriodicTask.objects.filter(pk=row.pk).exists()


def test_operations_move_what_moves_no_money_at_most_every_five_minutes(usage: PeriodicTask) -> None:
    client, values = log_in("Operations"), {**LEAP_DAY, "zone": "UTC", "reason": "", "action": "save"}
    refused = client.post(_door(usage), {**values, "expression": "* * * * *"})
    said = "Too often: leave at least 5 minutes between two runs."
    assert refused.context["form"].errors == {"expression": [said]}
    assert client.post(_door(usage), {**values, "expression": "*/5 * * * *"}).status_code == 302
    assert _standing(usage).timetable == "*/5 * * * * (UTC)"


def test_operations_who_may_not_start_billing_do_not_choose_when_it_starts(row: PeriodicTask) -> None:
    client = log_in("Operations")
    for action in ("preview", "save"):
        values = {**LEAP_DAY, "expression": "0 2 2 * *", "zone": "UTC", "action": action}
        assert client.post(_door(row), values).status_code == 403
    assert _standing(row).timetable == "0 2 1 * * (UTC)"
    page = client.get(_door(row))
    assert page.context["form"] is None
    assert "Only staff who may start Monthly billing can change when it runs." in page.content.decode()
    assert not AuditEntry.objects.exists()


def test_a_preview_asks_for_no_reason(row: PeriodicTask) -> None:
    page = _mover().post(_door(row), {**LEAP_DAY, "reason": "", "action": "preview"})
    assert page.context["form"].errors == {}


def test_the_house_s_own_schedules_can_not_be_edited(row: PeriodicTask) -> None:
    client = log_in(superuser=True)
    own = PeriodicTask.objects.exclude(task="jobs.start_job")
    assert set(own.values_list("name", flat=True)) >= {"sweep", "tick"}
    for task in own:
        for door in ("change", "pause", "resume"):
            assert client.post(_door(task, door), {**LEAP_DAY, "action": "save"}).status_code == 404
    for shared in (f"crontabschedule/{row.crontab_id}", f"intervalschedule/{own[0].interval_id}"):
        assert client.post(f"/admin/django_celery_beat/{shared}/change/", {"every": "1"}).status_code == 404


def test_timetables_have_no_pages_of_their_own() -> None:
    for shared in (SolarSchedule, ClockedSchedule, CrontabSchedule, IntervalSchedule):
        assert not admin.site.is_registered(shared)


def test_a_pause_covers_the_whole_job_and_so_does_its_end(row: PeriodicTask) -> None:
    client, rows = log_in("Operations"), JobSchedule.objects.filter(job="monthly-billing").order_by("task__name")
    assert (
        "This pauses the whole job: monthly-billing-other-days with it."
        in client.get(_door(row, "pause")).content.decode()
    )
    client.post(_door(row, "pause"), {"reason": "Audit"})
    assert [(one.paused_reason, one.task.enabled, one.due_at) for one in rows.all()] == [("Audit", False, None)] * 2
    assert JobSchedule.objects.filter(job="hourly-usage", paused_at=None, task__enabled=True).count() == 1
    page = client.get(_door(row, "resume")).content.decode()
    assert "Let monthly-billing and monthly-billing-other-days ring again from now on?" in page
    assert "former months that still have somebody due" in page
    other = rows.get(task__name="monthly-billing-other-days").task
    client.post(_door(other, "resume"))
    assert [(one.is_paused, one.task.enabled, one.due_at is None) for one in rows.all()] == [(False, True, False)] * 2
    assert AuditEntry.objects.filter(verb="pause").count() == AuditEntry.objects.filter(verb="resume").count() == 2


def test_operations_end_their_own_pause_of_billing_and_nobody_else_s(row: PeriodicTask) -> None:
    client, mover = log_in("Operations"), _mover()
    mover.post(_door(row, "pause"), {"reason": "The rates are wrong"})
    for door in ("pause", "resume"):
        values = {"reason": "No", "until": "2099-11-30T18:00"}
        assert (client.get(_door(row, door)).status_code, client.post(_door(row, door), values).status_code) == (
            403,
            403,
        )
    standing = _standing(row)
    assert (standing.task.enabled, standing.paused_until, standing.paused_reason) == (
        False,
        None,
        "The rates are wrong",
    )
    assert _door(row, "resume") not in client.get(_door(row)).content.decode()
    assert _door(row, "resume") in mover.get(_door(row)).content.decode()
    mover.post(_door(row, "resume"))
    assert _standing(row).task.enabled


def test_what_is_said_on_saving_is_true(row: PeriodicTask) -> None:
    client = _mover()

    def save(**values: str) -> str:
        client.post(_door(row), {**LEAP_DAY, "expression": "0 3 1 * *", "zone": "UTC", "action": "save", **values})
        return client.get(_door(row)).content.decode()

    assert "The schedule was saved. It counts from now on." in save()
    assert "The note was saved. The schedule rings as before." in save(note="Another")
    client.post(_door(row, "pause"), {"reason": "Audit"})
    assert "The schedule was saved. It is paused, and counts from when it is resumed." in save(expression="0 4 1 * *")
    assert _standing(row).due_at is None


@pytest.mark.parametrize(
    ("expression", "zone", "kept"),
    [
        ("0 2 * * 7", "UTC", "0 2 * * 0"),
        ("0 2 * * 5-7", "UTC", "0 2 * * 5,6,0"),
        ("0 2 * * 1,3-7/2", "UTC", "0 2 * * 1,3,5,0"),
        ("0 2 28 * *", "UTC", "0 2 28 * *"),
        ("0 2 29-31 2,4 *", "UTC", ""),
        ("0 2 2-31 * *", "UTC", "0 2 2-31 * *"),
        ("0 2 31 12 *", "UTC", "0 2 31 12 *"),
        ("0 2 29 * *", "UTC", ""),
        ("0 2 30,31 * *", "UTC", ""),
        ("0 2 31 4,5 *", "UTC", ""),
        ("0 2 1 * *", "Asia/Tokyo", ""),
        ("0 9 1 * *", "Asia/Tokyo", "0 9 1 * *"),
        ("0 1 1 * *", "Europe/Berlin", ""),
        ("0 2 1 * *", "Europe/Berlin", "0 2 1 * *"),
        ("0 20 1 * *", "America/New_York", "0 20 1 * *"),
    ],
)
def test_a_crontab_is_read_as_cron_does_and_comes_true_each_month(
    row: PeriodicTask, expression: str, zone: str, kept: str
) -> None:
    values = {**LEAP_DAY, "expression": expression, "zone": zone, "action": "save"}
    response = _mover().post(_door(row), values)
    if kept:
        assert (response.status_code, _standing(row).timetable) == (302, f"{kept} ({zone})")
    else:
        assert list(response.context["form"].errors) == ["expression"]
        assert _standing(row).timetable == "0 2 1 * * (UTC)"


def test_the_next_times_say_which_month_each_will_bill(row: PeriodicTask) -> None:
    values = {**LEAP_DAY, "expression": "30 22 1 3,4 *", "zone": "America/New_York", "action": "preview"}
    page = _mover().post(_door(row), values).content.decode()
    for text in ("February 2027, due by 2027-03-01", "March 2027, due by 2027-04-01", "2027-04-02 02:30"):
        assert text in page
