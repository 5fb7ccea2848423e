"""What each group of staff is offered, and what addresses refuse whoever types them."""

import pytest
from playwright.sync_api import expect

from jobs.models import JobRun
from tests.browser.books import Books, make_books, state_of_things
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MONEY_OFFERS = {
    "Preview a month",
    "Run billing",
    "Rerun failed",
    "Rerun missing",
    "Rerun all",
    "Start for real…",
    "Approve",
    "Reject",
    "Credit note",
    "Void",
    "Retry",
    "Park",
}
JOB_OFFERS = {"Start a job", "Cancel"}


@pytest.fixture
def books(outside: Outside) -> Books:
    return make_books()


def walk(desk: Desk, pages: list[str]) -> set[str]:
    """Open every page and collect what can be pressed."""
    found = set()
    for page in pages:
        desk.open(page)
        found |= desk.offers()
    return found


def assert_refused(desk: Desk, addresses: list[str]) -> None:
    """Every address refuses to be looked at and to be written to, and nothing comes of it."""
    before = state_of_things()
    for address in addresses:
        answers = desk.ask("GET", address).status, desk.ask("POST", address).status
        assert (address, *answers) == (address, 403, 403)
    assert state_of_things() == before


def test_read_only_staff_see_everything_and_may_do_nothing(open_desk: OpenDesk, books: Books) -> None:
    desk = open_desk(make_staff("Read only"))
    assert not walk(desk, books.pages) & (MONEY_OFFERS | JOB_OFFERS | {"Save", "Add"})
    desk.open(f"/admin/jobs/jobrun/{books.run.pk}/change/")
    expect(desk.item(books.held.organization_id)).to_contain_text("Held for approval")
    doors = [*books.money_doors, books.retry_door, *books.job_doors, *books.ledger_doors]
    assert_refused(desk, [*doors, "/admin/jobs/jobrun/start/"])


def test_finance_is_offered_what_the_others_are_not(open_desk: OpenDesk, books: Books) -> None:
    """The same pages and addresses, so that what the others lack is known to be there."""
    desk = open_desk(make_staff("Finance"))
    offers = walk(desk, books.pages)
    assert offers >= MONEY_OFFERS | {"Start a job", "Save"}
    assert "Cancel" not in offers
    before = state_of_things()
    for door in books.money_doors:
        answers = desk.ask("GET", door).status, desk.ask("POST", door).status
        assert (door, *answers) == (door, 200, 200)
    assert state_of_things() == before, "a form without anything in it did something"
    assert desk.ask("GET", books.retry_door).status == 405
    assert_refused(desk, [*books.job_doors, *books.ledger_doors])


def test_operations_run_jobs_that_move_no_money(open_desk: OpenDesk, books: Books) -> None:
    omar = make_staff("Operations", name="Omar Operations")
    desk = open_desk(omar)
    offers = walk(desk, books.working_pages)
    assert offers >= {"Cancel", "Save"}
    assert not offers & MONEY_OFFERS
    assert_refused(desk, [*books.money_doors, books.retry_door, *books.ledger_doors])
    desk.open("/admin/jobs/jobrun/")
    desk.click("Start a job")
    billing, usage = (desk.page.get_by_role("region", name=name) for name in ("Monthly billing", "Hourly usage"))
    expect(billing).to_be_visible()
    expect(billing.get_by_role("link", name="Start…")).to_have_count(0)
    usage.get_by_role("link", name="Start…").click()
    desk.click("Start")
    desk.expect_run("Succeeded", expected=1, done=1, failed=0, missing=0)
    expect(desk.page.get_by_text("Admin: Omar Operations")).to_be_visible()
    desk.open(f"/admin/jobs/jobrun/{books.active.pk}/change/")
    desk.click("Cancel")
    desk.click("Cancel this run")
    desk.expect_run("Cancelled", expected=3, missing=3)
    assert JobRun.objects.get(pk=books.active.pk).cancelled_by == omar


def test_support_tends_creators_and_nothing_else(open_desk: OpenDesk, books: Books) -> None:
    desk = open_desk(make_staff("Support"))
    offers = walk(desk, books.working_pages)
    assert not offers & (MONEY_OFFERS | JOB_OFFERS)
    assert_refused(desk, [*books.money_doors, books.retry_door, *books.job_doors, *books.ledger_doors])
    desk.open(f"/admin/onlyfans/creatoraccount/{books.creator.pk}/change/")
    assert "Save" in desk.offers()
    expect(desk.page.get_by_label("New gateway token")).to_have_value("")
    assert "valid-ada" not in desk.page.content()
    desk.open(f"/admin/accounts/organization/{books.account.organization_id}/change/")
    assert "Save" not in desk.offers()


def test_a_refusal_is_a_page_with_a_way_back(open_desk: OpenDesk, books: Books) -> None:
    desk = open_desk(make_staff("Read only", name="Rita Readonly"))
    address = "/admin/billing/invoice/run/"
    with desk.watch.expecting(403, address):
        desk.page.goto(address)
    expect(desk.page.get_by_role("heading", name="You may not do this")).to_be_visible()
    expect(desk.page.get_by_text("You are logged in as Rita Readonly")).to_be_visible()
    desk.page.locator("#content").get_by_role("link", name="Today", exact=True).click()
    expect(desk.page).to_have_url(f"{desk.url}/admin/")
