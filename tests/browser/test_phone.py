"""The same on a phone: a month is billed, and no page is wider than the screen."""

import pytest
from playwright.sync_api import expect

from alerts.models import Channel
from billing.models import Invoice
from tests.browser.business import make_business
from tests.browser.conftest import OpenDesk
from tests.browser.desk import LAPTOP, PHONE
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_LONG_NAME = "Umbra Partners with a name so long that every table, letter and narrow phone has to cope with it"


def test_a_month_is_billed_from_a_phone(open_desk: OpenDesk, outside: Outside) -> None:
    business = make_business(outside)
    business.aurora.name = business.night.name = _LONG_NAME
    business.aurora.save()
    business.night.save()
    desk = open_desk(make_staff("Finance"), size=PHONE)
    wide: dict[str, int] = {}

    def look(address: str = "") -> None:
        if address:
            desk.open(address)
        wide[desk.page.url.removeprefix(desk.url)] = desk.overflow

    look("/admin/")
    desk.click("Run billing")
    look()
    desk.page.get_by_label("Reason").fill("Month end")
    desk.click("Run billing")
    desk.expect_run("Partly failed", expected=4, done=1, skipped=1, failed=2)
    desk.click("Details of org_night")
    # What opens lies below the line that opened it.
    desk.page.mouse.wheel(0, 500)
    expect(desk.page.locator("#items .hz-inner").filter(has_text="Nora Nacht")).to_be_in_viewport()
    look()
    run = desk.page.url.removeprefix(desk.url).removesuffix("change/")
    issued, held = (Invoice.objects.get(organization=org).pk for org in (business.aurora, business.quartz))
    look(f"/admin/billing/invoice/{issued}/change/")
    expect(desk.page.locator(".hz-amount")).to_have_text("USD 394.80")
    desk.page.get_by_text("Commission Ada Aurora").click()
    expect(desk.page.get_by_text("20 % of USD 1,000.00")).to_be_visible()
    look()
    for address in (
        "/admin/",
        "/admin/jobs/jobrun/",
        f"{run}rerun/failed/",
        "/admin/jobs/jobrun/start/",
        "/admin/jobs/jobrun/start/monthly-billing/",
        "/admin/billing/invoice/",
        f"/admin/billing/invoice/{held}/change/",
        f"/admin/billing/invoice/{held}/approve/",
        f"/admin/billing/invoice/{issued}/credit/",
        f"/admin/billing/billingaccount/{business.aurora.billing_account.pk}/change/",
        f"/admin/accounts/organization/{business.aurora.pk}/change/",
        f"/admin/onlyfans/creatoraccount/{business.lapsed.pk}/change/",
    ):
        look(address)
    assert {page: pixels for page, pixels in wide.items() if pixels > 0} == {}


def test_the_menu_opens_on_a_phone(open_desk: OpenDesk, outside: Outside) -> None:
    desk = open_desk(make_staff("Read only"), size=PHONE)
    desk.open("/admin/")
    invoices = desk.page.locator("a[href='/admin/billing/invoice/']")
    expect(invoices).not_to_be_in_viewport()
    desk.page.get_by_text("dock_to_right").click()
    expect(invoices).to_be_in_viewport()


@pytest.mark.parametrize(("size", "shown"), [(PHONE, '"Goes to"'), (LAPTOP, "none")])
def test_a_list_needs_no_scrolling_sideways(
    open_desk: OpenDesk, outside: Outside, size: tuple[int, int], shown: str
) -> None:
    Channel.objects.create(name=_LONG_NAME, kind="webhook", shown_as=f"https://{'sub.' * 20}example.test/…")
    desk = open_desk(make_staff("Operations"), size=size)
    desk.open("/admin/alerts/channel/")
    cell = desk.page.locator("#result_list td.field-goes_to")
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == shown
    beyond = "table => table.getBoundingClientRect().right - window.innerWidth"
    assert desk.page.locator("#result_list").evaluate(beyond) <= 0
