"""Data comes in: what waits for its creator, whose figures stand, which file was refused, who must connect again."""

import hashlib
import json
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from common.clock import Month, previous_month
from onlyfans.models import CreatorAccount, EarningsAggregate, ResultFile, UnmatchedAggregate
from tests.browser.conftest import OpenDesk
from tests.browser.desk import LAPTOP, PHONE, Desk
from tests.browser.house import House
from tests.factories.billing import make_creator, make_organization
from tests.factories.results import make_rejected
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
AGGREGATES = "/api/ingest/of-aggregates"


def bring(house: House, user: str, cents: int, month: Month, **more: Any) -> str:
    """Send a month over HTTP; return its outcome."""
    row = {"userId": user, "month": str(month), "currency": "USD", "grossCents": cents, "netCents": cents * 8 // 10}
    (outcome,) = house.send(AGGREGATES, {**row, **more})["outcomes"]
    return str(outcome["outcome"])


def reload_until(desk: Desk, text: str) -> None:
    """Look again until the page says something: what is read is read by a worker."""
    for _ in range(60):
        desk.page.reload()
        if desk.page.locator("#content-main").get_by_text(text).count():
            break
        desk.page.wait_for_timeout(250)
    expect(desk.page.locator("#content-main").get_by_text(text).first).to_be_visible()


def list_rows(desk: Desk) -> list[str]:
    """Read the rows of the list that is open, each as one line."""
    expect(desk.page.locator("#changelist")).to_be_visible()
    return [" ".join(text.split()) for text in desk.page.locator("#result_list tbody tr").all_inner_texts()]


def test_earnings_wait_for_their_creator(open_desk: OpenDesk, house: House, outside: Outside) -> None:
    month = previous_month()
    make_organization(name="Aurora Talent")
    assert bring(house, "of_nova", 125_000, month) == "unmatched"
    desk = open_desk(make_staff("Operations"))

    desk.open("/admin/")
    desk.page.get_by_role("link", name="Earnings without creator").click()
    (row,) = list_rows(desk)
    assert "of_nova" in row and "USD 1,250.00" in row and "USD 1,000.00" in row
    desk.page.get_by_role("link", name="of_nova").click()
    expect(desk.page.get_by_text(month.label).first).to_be_visible()

    desk.open(reverse("admin:onlyfans_creatoraccount_add"))
    desk.page.locator(".select2-selection").click()
    desk.page.locator(".select2-search__field").fill("Aurora")
    desk.page.get_by_role("option", name="Aurora Talent").click()
    desk.page.get_by_label("Display name").fill("Nova Star")
    desk.page.get_by_label("OnlyFans user id").fill("of_nova")
    desk.page.get_by_role("button", name="Save and continue editing").click()
    expect(desk.page.get_by_role("link", name=month.label)).to_be_visible()
    expect(desk.page.get_by_role("cell", name="USD 1,250.00")).to_be_visible()

    desk.open(reverse("admin:onlyfans_unmatchedaggregate_changelist"))
    assert list_rows(desk) == []
    assert not UnmatchedAggregate.objects.exists()


def test_finance_corrects_a_month_and_reads_which_version_stands(
    open_desk: OpenDesk, house: House, outside: Outside
) -> None:
    month = previous_month()
    creator = make_creator(make_organization(), display_name="Ada Aurora", onlyfans_user_id="of_ada")
    at = (month.plus(1).starts_at).isoformat()
    assert [bring(house, "of_ada", cents, month, receivedAt=at) for cents in (100_000, 110_000)].count("created") == 1
    desk = open_desk(make_staff("Finance"))

    desk.open("/admin/onlyfans/earningsaggregate/")
    desk.page.locator("#result_list").get_by_role("link", name="Ada Aurora").click()
    desk.page.locator("#id_gross_cents").fill("1234.56")
    desk.page.locator("#id_net_cents").fill("987.65")
    desk.page.get_by_role("button", name="Save", exact=True).click()
    expect(desk.page.locator("#result_list")).to_contain_text("USD 1,234.56")

    desk.open(reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk]))
    desk.page.get_by_role("link", name=month.label).click()
    rows = desk.page.locator("tr.data-row")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("Stands")
    expect(rows.first).to_contain_text("staff")
    expect(rows.first).to_contain_text("USD 1,234.56")
    assert [("Replaced" in text or "REPLACED" in text) for text in rows.all_inner_texts()] == [False, True, True]

    # What comes late and is older is kept, and changes nothing.
    assert bring(house, "of_ada", 5, month, receivedAt=at) == "stale"
    desk.page.reload()
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("USD 1,234.56")
    assert EarningsAggregate.objects.get().gross_cents == 123_456


def test_a_dead_letter_is_read_again(open_desk: OpenDesk, house: House, outside: Outside) -> None:
    creator = make_creator(make_organization(), display_name="Bea Beau", onlyfans_user_id="of_bea")
    result = {
        "kind": "earnings", "version": 1, "userId": "of_bea", "observedAt": "2026-11-02T10:00:00Z",
        "data": {"currency": "USD", "months": {"2026-10": {"tips": {"grossCents": 4_200, "netCents": 3_360}}}},
    }  # fmt: skip
    body = json.dumps(result).encode()
    house.tell_of_result("c0ffee", hashlib.md5(body, usedforsecurity=False).hexdigest())
    desk = open_desk(make_staff("Operations"))

    file = ResultFile.objects.get()
    desk.open(reverse("admin:onlyfans_resultfile_change", args=[file.pk]))
    reload_until(desk, "It is no longer in the bucket.")
    desk.open("/admin/onlyfans/resultfile/")
    assert "c0ffee" in list_rows(desk)[0]
    expect(desk.page.locator("#result_list")).to_contain_text("Dead letter", ignore_case=True)

    house.put_result("c0ffee", body)
    desk.page.locator("#result_list tbody").get_by_role("link").first.click()
    desk.click("Read again")
    desk.page.get_by_label("Reason").fill("The worker stored it again")
    desk.page.locator("#main").get_by_role("button", name="Read again").click()
    expect(desk.page.get_by_text("The file is read again.")).to_be_visible()
    reload_until(desk, "1 month created")
    assert "Read again" not in desk.offers()
    desk.page.get_by_role("link", name="Bea Beau").click()
    expect(desk.page.get_by_role("cell", name="USD 42.00")).to_be_visible()
    assert EarningsAggregate.objects.get().creator == creator


@pytest.mark.parametrize("size", [LAPTOP, PHONE])
def test_reasons_of_a_rejected_file_are_read_as_words(
    open_desk: OpenDesk, outside: Outside, size: tuple[int, int]
) -> None:
    fields = [f"data.months.2026-10.{'very_long_category_name' * 3}.grossCents", "observedAt"]
    reasons = [{"field": field, "why": "Input should be a valid integer."} for field in fields]
    file = make_rejected()
    ResultFile.objects.filter(pk=file.pk).update(reasons=reasons)
    desk = open_desk(make_staff("Support"), size=size)
    desk.open(reverse("admin:onlyfans_resultfile_change", args=[file.pk]))
    for why in desk.page.get_by_text("Input should be a valid integer.").all():
        box = why.bounding_box()
        assert box and box["width"] > 200 and box["height"] < 60, box
    assert desk.overflow == 0
    # Support looks; who reads again is somebody else.
    assert "Read again" not in desk.offers()


def test_an_expired_session_is_seen_replaced_and_pulled_again(
    open_desk: OpenDesk, house: House, outside: Outside
) -> None:
    month = previous_month()
    outside.seed("of_cleo", month, tips=70_000)
    credentials = {"token": "expired-cleo"}
    cleo = make_creator(
        make_organization(), display_name="Cleo Crème", onlyfans_user_id="of_cleo", credentials=credentials
    )
    desk = open_desk(make_staff("Operations"))

    desk.open("/admin/jobs/jobrun/start/pull-earnings/")
    desk.page.get_by_label("Month").fill(str(month))
    desk.click("Start")
    expect(desk.page.locator("#items")).to_contain_text("refused the stored credentials")
    expect(desk.page.locator("#run-state")).to_contain_text("100 %")
    desk.expect_run("Failed", expected=1, failed=1)

    desk.open("/admin/onlyfans/creatoraccount/?connection_state__exact=expired")
    assert len(list_rows(desk)) == 1
    desk.page.locator("#result_list").get_by_role("link", name="Cleo Crème").click()
    expect(desk.page.get_by_text("Connect again")).to_be_visible()
    expect(desk.page.get_by_text("open its page and store the new token")).to_be_visible()
    assert "expired-cleo" not in desk.page.content()

    desk.page.get_by_label("New gateway token").fill("valid-cleo")
    desk.page.get_by_role("button", name="Save and continue editing").click()
    expect(desk.page.get_by_text("Not tried yet")).to_be_visible()
    assert "valid-cleo" not in desk.page.content()
    desk.page.go_back()
    desk.open("/admin/jobs/jobrun/")
    desk.page.locator("#result_list tbody").get_by_role("link").first.click()
    desk.click("Rerun failed")
    desk.page.get_by_label("Reason").fill("Connected again")
    desk.page.locator("#main").get_by_role("button", name="Rerun failed").click()
    desk.expect_run("Succeeded", expected=1, done=1)
    assert CreatorAccount.objects.get(pk=cleo.pk).connection_state == "connected"
    desk.open(reverse("admin:onlyfans_creatoraccount_change", args=[cleo.pk]))
    expect(desk.page.get_by_role("cell", name="USD 700.00").first).to_be_visible()
