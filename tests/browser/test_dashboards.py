"""Dashboards: what a month of ingestion comes to, seen, narrowed down and taken home."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from playwright.sync_api import expect

from accounts.models import Organization
from common.clock import Month, now
from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from tests.browser.conftest import OpenDesk
from tests.browser.desk import LAPTOP, PHONE
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_LONG_NAME = "Umbra Partners with a name so long that every table, letter and narrow phone has to cope with it"


def _add_up() -> None:
    for name in ("analytics-snapshots", "analytics-rollups"):
        job = get_job(name)
        run, _ = start(job, read_params(job, {}), JobRun.Trigger.COMMAND)
        work(run.pk, wait=True)


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_finance_reads_narrows_down_and_exports(open_desk: OpenDesk, outside: Outside, size: tuple[int, int]) -> None:
    month = Month.of(now())
    umbra, aurora = make_organization(name=_LONG_NAME), make_organization(name="Aurora Talent")
    earn(make_creator(umbra, display_name="Una"), month, 123_456, "tips")
    earn(make_creator(umbra, display_name="Ulf"), month, 9_900, "posts", currency="JPY")
    earn(make_creator(aurora, display_name="Ada"), month, 500, "tips")
    _add_up()
    desk = open_desk(make_staff("Finance"), size=size)

    desk.open("/admin/dashboards/revenue/")
    card = desk.page.locator("#earnings-by-month")
    expect(card.get_by_text("USD 1,239.56").first).to_be_visible()
    expect(card.get_by_text("JPY 9,900").first).to_be_visible()
    # Each currency has a chart of its own, which the theme has drawn.
    expect(card.locator("canvas.chart[style*=display]")).to_have_count(2)
    assert desk.overflow == 0

    desk.page.get_by_role("link", name=_LONG_NAME).first.click()
    expect(card.get_by_text("USD 1,234.56").first).to_be_visible()
    expect(desk.page.get_by_text("USD 1,239.56")).to_have_count(0)
    with desk.page.expect_download() as downloading:
        card.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(StringIO(Path(downloading.value.path()).read_text("utf-8-sig"))))
    assert [row for row in rows[1:] if row[1]] == [
        [str(month.first_day), "1234.56", "1234.56", "1", "USD"],
        [str(month.first_day), "9900", "9900", "1", "JPY"],
    ]

    for page in ("overview", "creators", "fans"):
        desk.open(f"/admin/dashboards/{page}/?range=30d&organization={umbra.pk}")
        expect(desk.page.locator("#content-main > p b")).to_have_text(_LONG_NAME)
        assert desk.overflow == 0, page


def test_what_does_not_fit_is_said_where_it_was_typed(open_desk: OpenDesk, outside: Outside) -> None:
    desk = open_desk(make_staff("Read only"))
    desk.open("/admin/dashboards/fans/")
    expect(desk.page.get_by_text("There is nothing to show for these days.").first).to_be_visible()

    desk.page.get_by_label("Organization").fill("nobody")
    desk.click("Show")
    expect(desk.page.get_by_role("alert")).to_have_text("Organization: There is no such organization.")
    expect(desk.page.get_by_role("link", name="CSV")).to_have_count(0)


def test_an_organization_is_offered_by_its_name_however_many_there_are(open_desk: OpenDesk, outside: Outside) -> None:
    for number in range(200):
        Organization.objects.create(id=f"org_many{number}", name=f"Agency {number:03}")
    last = Organization.objects.create(id="org_last", name="Zebra Talent")
    desk = open_desk(make_staff("Read only"))
    desk.open("/admin/dashboards/fans/")
    offered = desk.page.locator(f"#organizations option[value={last.pk}]")
    expect(offered).to_have_count(0)
    desk.page.get_by_label("Organization").press_sequentially("zebra")
    expect(offered).to_have_text("Zebra Talent")
