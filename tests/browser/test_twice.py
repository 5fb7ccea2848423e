"""What is pressed, or sent, twice starts one run."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Request

from jobs.models import JobRun
from tests.browser.business import make_business
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def fill_in_job_form(desk: Desk) -> str:
    desk.open("/admin/jobs/jobrun/start/monthly-billing/")
    desk.page.get_by_label("Reason").fill("Month end")
    return "Start"


def fill_in_billing_form(desk: Desk) -> str:
    desk.open("/admin/billing/invoice/run/")
    desk.page.get_by_label("Reason").fill("Month end")
    return "Run billing"


@pytest.mark.parametrize("fill_in", [fill_in_job_form, fill_in_billing_form])
def test_a_double_click_starts_one_run_and_so_does_a_form_that_comes_twice(
    open_desk: OpenDesk, outside: Outside, fill_in: Callable[[Desk], str]
) -> None:
    make_business(outside)
    desk = open_desk(make_staff("Finance"))
    sent: list[Request] = []
    desk.page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    desk.page.get_by_role("button", name=fill_in(desk), exact=True).dblclick()
    desk.expect_run("Partly failed", expected=4)
    run = JobRun.objects.get()
    assert run.reason == "Month end"
    again = desk.send_again(sent[0])
    assert (again.status, again.headers["location"]) == (302, f"/admin/jobs/jobrun/{run.pk}/change/")
    assert JobRun.objects.count() == 1
    assert len(outside.list_objects("invoice")) == 1
