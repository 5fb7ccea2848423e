"""Finance bills a month: preview, run, watch, find what failed, read why, repair, rerun, open the PDF."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pypdf
import pytest
from django.db import connection, transaction
from playwright.sync_api import Response, expect

from accounts.models import User
from billing.models import Invoice
from common.clock import Month, now
from jobs.models import JobRun
from onlyfans.models import EarningsAggregate
from tests.browser.business import Business, make_business
from tests.browser.conftest import OpenDesk
from tests.browser.desk import Desk
from tests.browser.house import House
from tests.factories.staff import PASSWORD, make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_month_from_its_preview_to_the_last_pdf(
    open_desk: OpenDesk, house: House, outside: Outside, real_passwords: None
) -> None:
    business = make_business(outside)
    fiona = make_staff("Finance", name="Fiona Finance")
    desk = open_desk()
    desk.open("/admin/")
    desk.log_in(fiona.email, PASSWORD)
    preview(desk, business.month)
    assert_nothing_was_done(house)
    run_and_watch(desk)
    read_why(desk)
    give_address(desk, "factures@creme.example")
    assert_token_is_out_of_reach(desk, business)
    connect_again(open_desk(make_staff("Support")), business)
    rerun_failed(desk, outside)
    assert_everything_happened_once(house, fiona)
    open_pdf(desk)


def preview(desk: Desk, month: Month) -> None:
    expect(desk.page).to_have_url(f"{desk.url}/admin/")
    expect(desk.page.get_by_text("Nothing was billed yet")).to_be_visible()
    desk.click("Preview a month")
    expect(desk.page.get_by_label("Month")).to_have_value(str(month))
    desk.click("Preview")
    desk.expect_run("Partly failed", expected=4, done=2, skipped=1, failed=1, missing=0)
    expect(desk.page.locator("#run-state")).to_contain_text("Dry run")
    expect(desk.item("org_aurora")).to_contain_text("USD 394.80")
    expect(desk.item("org_cafe")).to_contain_text("USD 109.00")
    expect(desk.item("org_night")).to_contain_text("Nora Nacht: The OnlyFans gateway refused the stored credentials")
    expect(desk.item("org_quartz")).to_contain_text("Held for approval: Its total of USD 1,049.00 is above USD 500.00.")
    expect(desk.page.get_by_text("USD 503.80")).to_be_visible()


def count_stripe_calls(outside: Outside) -> int:
    """Count the calls that change something."""
    return len(outside.list_requests(service="stripe", method="POST"))


def assert_nothing_was_done(house: House) -> None:
    outside = house.outside
    assert not Invoice.objects.exists()
    assert not EarningsAggregate.objects.exists()
    assert (count_stripe_calls(outside), outside.list_mails(), house.files()) == (0, [], [])


@contextmanager
def invoices_held_up() -> Iterator[None]:
    """Let whoever writes an invoice wait, so that a run is under way for as long as somebody looks."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE billing_invoice IN SHARE MODE")
        yield


def run_and_watch(desk: Desk) -> None:
    desk.click("Start for real…")
    expect(desk.page.get_by_role("link", name="Monthly billing #")).to_be_visible()
    desk.page.get_by_label("Reason").fill("Month end")
    with invoices_held_up():
        desk.click("Start")
        desk.expect_run("Running", expected=4, done=0, failed=0, to_do=4)
        assert "Cancel" in desk.offers()
        assert not desk.offers() & {"Rerun failed", "Rerun missing", "Rerun all"}
        expect(desk.item("org_aurora")).to_contain_text("Running")
    desk.expect_run("Partly failed", expected=4, done=1, skipped=1, failed=2, missing=0)
    assert desk.offers() >= {"Rerun failed", "Rerun missing", "Rerun all"}
    assert "Cancel" not in desk.offers()
    expect(desk.page.get_by_text("Month end")).to_be_visible()


def read_why(desk: Desk) -> None:
    desk.click("1 failed at earnings")
    expect(desk.page.locator("#items tr.data-row")).to_have_count(1)
    expect(desk.item("org_night")).to_contain_text("connect the account again")
    desk.click("1 failed at stripe")
    expect(desk.page.locator("#items tr.data-row")).to_have_count(1)
    why = desk.page.locator("#items .hz-inner")
    expect(why).to_be_hidden()
    desk.click("Details of org_cafe")
    expect(why).to_contain_text("Permanent: Café Crème Créations has no e-mail address, which Stripe needs")


def give_address(desk: Desk, address: str) -> None:
    """Go from the failed item to the account, as its links lead."""
    desk.item("org_cafe").get_by_role("link", name="INV-").click()
    delivery = desk.page.locator("#delivery tr[data-step=stripe]")
    expect(delivery).to_contain_text("has no e-mail address")
    expect(desk.page.locator("#delivery tr[data-step=pdf]")).to_contain_text("Not begun")
    desk.click("Café Crème Créations")
    desk.click("Billing account")
    desk.page.get_by_label("Invoice email").fill(address)
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_text("was changed successfully")).to_be_visible()
    expect(desk.page.get_by_role("row", name="Café Crème Créations")).to_contain_text(address)


def assert_token_is_out_of_reach(desk: Desk, business: Business) -> None:
    """Finance sees that there is a token, and can't replace it."""
    desk.open(f"/admin/onlyfans/creatoraccount/{business.lapsed.pk}/change/")
    expect(desk.page.get_by_text("Credentials stored")).to_be_visible()
    expect(desk.page.get_by_text("New gateway token")).to_have_count(0)
    assert not {offer for offer in desk.offers() if offer.startswith("Save")}


def connect_again(desk: Desk, business: Business) -> None:
    """Support stores what the creator gave them."""
    desk.open("/admin/onlyfans/creatoraccount/")
    desk.click(business.lapsed.display_name)
    desk.page.get_by_label("New gateway token").fill("renewed-nora")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.get_by_text("was changed successfully")).to_be_visible()
    business.lapsed.refresh_from_db()
    assert business.lapsed.credentials == {"token": "renewed-nora"}


def rerun_failed(desk: Desk, outside: Outside) -> None:
    before = count_stripe_calls(outside)
    desk.open("/admin/")
    failed = desk.page.get_by_role("region", name="What failed")
    expect(failed).to_contain_text("2 of 4 failed")
    failed.get_by_role("link", name="Monthly billing #").click()
    desk.click("Rerun failed")
    expect(desk.page.get_by_text("Money moves here: look at a preview of the difference first.")).to_be_visible()
    assert "Rerun failed" not in desk.offers()
    desk.click("Preview (dry run)")
    desk.expect_run("Succeeded", expected=2, done=2, failed=0)
    expect(desk.page.get_by_role("row", name="org_night")).to_contain_text("USD 89.00")
    expect(desk.page.get_by_role("row", name="org_cafe")).to_contain_text("a run leaves it as it is")
    assert count_stripe_calls(outside) == before
    desk.click("Rerun failed")
    expect(desk.page.get_by_text("Say why: the reason is kept with the run.")).to_be_visible()
    desk.page.get_by_label("Reason").fill("Address and credentials are there now")
    desk.click("Rerun failed")
    desk.expect_run("Succeeded", expected=2, done=2, failed=0, missing=0)
    assert "Rerun failed" not in desk.offers()


def assert_everything_happened_once(house: House, actor: User) -> None:
    outside = house.outside
    runs = JobRun.objects.order_by("id")
    assert [(run.dry_run, run.mode, run.actor) for run in runs] == [
        (dry_run, mode, actor) for mode in ("", "failed") for dry_run in (True, False)
    ]
    year = now().year
    issued = Invoice.objects.filter(number__isnull=False).order_by("number")
    assert [(invoice.number, invoice.organization_id, invoice.total_cents) for invoice in issued] == [
        (f"INV-{year}-000001", "org_aurora", 39_480),
        (f"INV-{year}-000002", "org_cafe", 10_900),
        (f"INV-{year}-000003", "org_night", 8_900),
    ]
    assert Invoice.objects.exclude(number__isnull=False).get().status == Invoice.Status.HELD
    stripe = outside.list_objects("invoice")
    assert sorted((entry["status"], entry["total"]) for entry in stripe) == [
        ("open", 8_900),
        ("open", 10_900),
        ("open", 39_480),
    ]
    # A customer, a draft, its lines, finalized: for each of three, and nothing of it twice.
    assert count_stripe_calls(outside) == 12
    mails = outside.list_mails()
    assert [mail["times_received"] for mail in mails] == [1, 1, 1]
    assert sorted(mail["subject"].split()[1] for mail in mails) == [invoice.number for invoice in issued]
    assert [mail["to"] for mail in mails if "000002" in mail["subject"]] == [["factures@creme.example"]]
    assert len(house.files()) == 3


def is_pdf(response: Response) -> bool:
    return response.headers.get("content-type") == "application/pdf"


def open_pdf(desk: Desk) -> None:
    number = f"INV-{now().year}-000003"
    with desk.page.expect_response(is_pdf):
        desk.item("org_night").get_by_role("link", name=number).click()
        desk.page.locator("iframe").scroll_into_view_if_needed()
    expect(desk.page.locator("#delivery tr")).to_contain_text(["Step", "PDF", "Storage", "Stripe", "E-mail"])
    expect(desk.page.locator("#delivery").get_by_text("Done", exact=True)).to_have_count(4)
    with desk.page.context.expect_event("response", is_pdf), desk.page.expect_popup() as opened:
        desk.click("Open PDF in a new tab")
    opened.value.wait_for_load_state()
    answer = desk.ask("GET", opened.value.url)
    text = " ".join(pypdf.PdfReader(io.BytesIO(answer.body())).pages[0].extract_text().split())
    assert answer.headers["content-disposition"] == f'inline; filename="{number}.pdf"'
    for words in (number, "Nachtfalter GmbH", "USD 89.00", "20 % of USD 200.00"):
        assert words in text
