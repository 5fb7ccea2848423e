"""The page that shows the API draws itself under its policy."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenDesk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_draws_the_document_and_opens_an_address(open_desk: OpenDesk) -> None:
    desk = open_desk()
    desk.open("/api/docs/")
    expect(desk.page.get_by_role("heading", name="Huntaze")).to_be_visible()
    desk.page.locator(".opblock-summary", has_text="/api/cron/monthly-billing").first.click()
    expect(desk.page.get_by_text("The month to bill; it must have ended.").first).to_be_visible()
