"""A held invoice is looked at, approved, issued and delivered; an issued one that was not delivered is retried."""

import pytest
from playwright.sync_api import expect

from billing.models import Invoice, InvoiceAction, InvoiceDelivery
from tests.browser.books import make_books
from tests.browser.conftest import OpenDesk
from tests.browser.house import House
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_held_invoice_is_approved_issued_and_delivered(open_desk: OpenDesk, outside: Outside) -> None:
    held = make_books().held
    fiona = make_staff("Finance", name="Fiona Finance")
    desk = open_desk(fiona)
    desk.open("/admin/")
    desk.page.get_by_role("region", name="Held").get_by_role("link", name="Quartz Agency").click()
    expect(desk.page.get_by_text("Held for approval: Its total of USD 49.00 is above USD 0.01.")).to_be_visible()
    assert "Void" not in desk.offers()
    desk.click("Approve")
    desk.click("Approve")
    expect(desk.page.get_by_text("This field is required.")).to_be_visible()
    assert not InvoiceAction.objects.exists()
    desk.page.get_by_label("Reason").fill("The limit was a slip")
    desk.click("Approve")
    desk.page.get_by_text("Approved. It is issued and delivered by").get_by_role("link").click()
    desk.expect_run("Succeeded", expected=1, done=1)
    held.refresh_from_db()
    assert held.status == Invoice.Status.FINALIZED
    desk.page.get_by_role("link", name=str(held.number)).click()
    expect(desk.page.locator("#delivery").get_by_text("Done", exact=True)).to_have_count(4)
    history = desk.page.get_by_role("region", name="History")
    expect(history.get_by_role("row", name="Approved")).to_contain_text("The limit was a slip")
    expect(history.get_by_role("row", name="Approved")).to_contain_text("Fiona Finance")
    assert [entry["total"] for entry in outside.list_objects("invoice")] == [4900]
    assert [mail["times_received"] for mail in outside.list_mails()] == [1]
    assert not desk.offers() & {"Approve", "Reject", "Retry"}


def test_what_was_not_delivered_is_retried_from_the_invoice(
    open_desk: OpenDesk, house: House, outside: Outside
) -> None:
    issued = make_books().issued
    desk = open_desk(make_staff("Finance"))
    desk.open(f"/admin/billing/invoice/{issued.pk}/change/")
    expect(desk.page.locator("#delivery").get_by_text("Not begun")).to_have_count(4)
    expect(desk.page.get_by_text("There is no stored PDF yet.")).to_be_visible()
    desk.page.locator("tr[data-step=stripe]").get_by_role("button", name="Retry").click()
    desk.page.get_by_text("Started:").get_by_role("link").click()
    desk.expect_run("Succeeded", expected=1, done=1)
    desk.page.get_by_role("link", name=f"Invoice {issued.pk}").click()
    expect(desk.page.locator("#delivery").get_by_text("Done", exact=True)).to_have_count(4)
    assert "Retry" not in desk.offers()
    attempts = InvoiceDelivery.objects.filter(invoice=issued).values_list("status", "attempts")
    assert list(attempts) == [("done", 1)] * 4
    assert (len(outside.list_objects("invoice")), len(outside.list_mails()), len(house.files())) == (1, 1, 1)
