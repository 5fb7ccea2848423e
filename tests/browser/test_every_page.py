"""Everybody can read and use every page of the admin: axe finds nothing serious, light and dark, wide and narrow."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenDesk
from tests.browser.desk import LAPTOP, PHONE, Desk
from tests.browser.pages import list_bare_models, list_pages
from tests.browser.shelf import fill_every_table
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_SERIOUS = {"serious", "critical"}
_RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
_DARKEN = "isDark => document.documentElement.classList.toggle('dark', isDark)"
# What a hidden icon leaves must be words: each of these is read aloud by its ligature, such as "dock_to_right".
_ICONS_READ_ALOUD = """
icons => icons.filter(icon => !icon.closest("[aria-hidden=true]") && !icon.hasAttribute("aria-label"))
    .map(icon => icon.textContent.trim())
"""


def list_faults(page: Page, address: str) -> Iterator[str]:
    """Open a page and tell what axe holds against it, in each of its four looks."""
    page.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    page.goto(address)
    expect(page.locator("main")).to_be_visible()
    for width, height in (LAPTOP, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        for is_dark in (False, True):
            page.evaluate(_DARKEN, is_dark)
            for fault in _run_axe(page):
                nodes = "; ".join(node["html"][:200] for node in fault["nodes"][:3])
                yield f"{address} at {width}{' in the dark' if is_dark else ''}: {fault['id']}: {nodes}"
    if icons := page.locator(".material-symbols-outlined").evaluate_all(_ICONS_READ_ALOUD):
        yield f"{address}: icons are read aloud: {icons}"


def _run_axe(page: Page) -> list[dict[str, Any]]:
    violations: list[dict[str, Any]] = Axe().run(page, options=_RULES).response["violations"]
    return [fault for fault in violations if fault["impact"] in _SERIOUS]


def _list_all_faults(desk: Desk, addresses: list[str]) -> list[str]:
    return [fault for address in addresses for fault in list_faults(desk.page, address)]


def test_some_pages_keep_nobody_out(open_desk: OpenDesk, outside: Outside) -> None:
    fill_every_table()
    desk = open_desk(make_staff(superuser=True))
    pages = ["/admin/", "/admin/billing/invoice/", "/admin/jobs/jobrun/", "/admin/billing/invoice/run/"]
    assert _list_all_faults(desk, pages) == []


@pytest.mark.long
def test_every_page_keeps_nobody_out(open_desk: OpenDesk, outside: Outside) -> None:
    fill_every_table()
    user = make_staff(superuser=True)
    assert list_bare_models() == []
    pages = list_pages(user)
    assert len(pages) > 100
    assert _list_all_faults(open_desk(user), pages) == []


def test_the_page_of_logging_in_keeps_nobody_out(open_desk: OpenDesk, outside: Outside) -> None:
    assert _list_all_faults(open_desk(), ["/admin/login/"]) == []


def test_the_first_tab_leads_past_the_menu(open_desk: OpenDesk, outside: Outside) -> None:
    desk = open_desk(make_staff("Finance"))
    desk.open("/admin/billing/invoice/")
    desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("main")).to_be_focused()


@pytest.mark.long
def test_everything_that_can_be_pressed_is_reached_by_the_keyboard(open_desk: OpenDesk, outside: Outside) -> None:
    fill_every_table()
    desk = open_desk(make_staff(superuser=True))
    page = desk.page
    desk.open("/admin/billing/invoice/")

    account = page.locator("#nav-sidebar").get_by_role("button", name="@")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Light")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_class("dark")
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Log out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(account).to_be_focused()
    expect(page.get_by_role("button", name="Log out")).to_be_hidden()

    page.get_by_role("button", name="Filters", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#changelist-filter :focus")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Filters", exact=True)).to_be_focused()

    menu = page.get_by_role("button", name="Menu", exact=True).last
    menu.focus()
    page.keyboard.press(" ")
    expect(page.locator("#nav-sidebar")).to_be_hidden()
    page.keyboard.press(" ")
    expect(page.locator("#nav-sidebar")).to_be_visible()

    page.locator("#nav-sidebar").get_by_role("button", name="Search").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#search-input-command")).to_be_focused()


def test_the_signs_of_a_delivery_stand_side_by_side(open_desk: OpenDesk, outside: Outside) -> None:
    fill_every_table()
    desk = open_desk(make_staff("Finance"))
    desk.open("/admin/billing/invoice/")
    signs = desk.page.locator(".hz-signs").first.locator(".hz-sign")
    boxes = sorted((box for sign in signs.all() if (box := sign.bounding_box())), key=lambda box: box["x"])
    assert len(boxes) > 1
    for left, right in pairwise(boxes):
        assert left["width"] >= 16
        assert left["x"] + left["width"] <= right["x"]
