"""Operations sets alerts up, hears of a job that fails, and takes it in hand."""

import pytest
from playwright.sync_api import expect
from pytest_django import Settings

from alerts.models import Channel, Entry, Incident
from alerts.services import tick
from alerts.services.sending import send_waiting
from jobs.models import JobMonitor
from jobs.schedules import sync_schedules
from tests.browser.conftest import OpenDesk
from tests.browser.desk import PHONE
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def let_billing_fail() -> None:
    """Let the monitor of monthly billing stand as after three failed runs."""
    sync_schedules()
    trouble = {"since": "2026-11-01T02:00:00+00:00", "detail": "Three runs failed.", "run": None, "count": 3}
    JobMonitor.objects.filter(job="monthly-billing").update(troubles={"failing": trouble})


@pytest.mark.parametrize("size", [(1440, 900), PHONE])
def test_from_nobody_told_to_in_hand(
    open_desk: OpenDesk, outside: Outside, settings: Settings, size: tuple[int, int]
) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = outside.sandbox.smtp_host, outside.sandbox.smtp_port
    desk = open_desk(make_staff("Operations", name="Grace"), size=size)
    wide = {}

    def look() -> None:
        wide[desk.page.url.removeprefix(desk.url)] = desk.overflow

    desk.open("/admin/")
    desk.click("make a channel")
    desk.page.locator("#id_name").fill(
        "The people of operations with a name so long that no phone is wide enough for it"
    )
    expect(desk.page.get_by_label("Signing secret")).to_be_hidden()
    desk.page.get_by_label("E-mail address").fill("ops@example.test")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    desk.click("Send test")
    expect(desk.page.get_by_text("The test message was sent.")).to_be_visible()
    look()
    assert [mail["to"] for mail in outside.list_mails()] == [["ops@example.test"]]
    desk.open("/admin/alerts/rule/add/")
    desk.page.locator("#id_name").fill("Everything")
    desk.page.get_by_label("The people of operations").check()
    look()
    desk.page.get_by_role("button", name="Save", exact=True).click()
    let_billing_fail()
    tick()
    incident = Incident.objects.get(condition="job-failing")
    desk.open("/admin/")
    look()
    desk.click("Monthly billing is failing")
    look()
    desk.page.get_by_label("Note").fill("Looking")
    desk.click("Acknowledge")
    expect(desk.page.get_by_text("Acknowledged by Grace").first).to_be_visible()
    expect(desk.page.get_by_label("Timeline")).to_contain_text("Looking")
    assert list(Entry.objects.values_list("incident", "kind")) == [(incident.pk, "acknowledged")]
    assert send_waiting(seconds=30) == 1
    desk.page.reload()
    expect(desk.page.get_by_label("Timeline")).to_contain_text("Sent")
    assert outside.list_mails()[1]["subject"] == "[Error] Monthly billing is failing"
    assert Channel.objects.get().failures == 0
    assert {page: pixels for page, pixels in wide.items() if pixels > 0} == {}
