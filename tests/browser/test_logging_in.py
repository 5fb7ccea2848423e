"""Logging in by keyboard, and what a mistake looks like."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenDesk
from tests.factories.staff import PASSWORD, make_staff

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_mistake_is_told_and_the_keyboard_is_enough(open_desk: OpenDesk, real_passwords: None) -> None:
    rita = make_staff("Read only", name="Rita Readonly")
    desk = open_desk()
    desk.open("/admin/billing/invoice/")
    expect(desk.page.get_by_label("mail")).to_be_focused()
    desk.log_in(rita.email, "wrong horse")
    expect(desk.page.get_by_text("Please enter the correct")).to_be_visible()
    expect(desk.page.get_by_label("mail")).to_have_value(rita.email)
    expect(desk.page.get_by_label("Password")).to_have_value("")
    expect(desk.page.locator("#main")).to_have_count(0)
    desk.page.get_by_label("mail").focus()
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_label("Password")).to_be_focused()
    desk.page.keyboard.type(PASSWORD)
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_text("Rita Readonly")).to_be_visible()
    expect(desk.page).to_have_url(f"{desk.url}/admin/billing/invoice/")


def test_a_customer_s_user_gets_no_further_than_the_door(open_desk: OpenDesk, real_passwords: None) -> None:
    somebody = make_staff()
    somebody.is_staff = False
    somebody.save()
    desk = open_desk()
    desk.open("/admin/")
    desk.log_in(somebody.email, PASSWORD)
    expect(desk.page.get_by_text("Please enter the correct")).to_be_visible()
    assert desk.ask("GET", "/admin/jobs/jobrun/").status == 302
