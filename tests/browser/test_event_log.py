"""The event log and the snapshots: narrowed down, leafed through, and looked at one by one."""

import datetime as dt
from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import Organization
from analytics.models import SLOT, NewEvent, ProviderSnapshot, slot_of
from analytics.services.recording import record_events
from common.clock import now
from onlyfans.models import CreatorAccount
from tests.browser.conftest import OpenDesk
from tests.browser.desk import LAPTOP, PHONE, Desk
from tests.factories.billing import make_creator, make_organization
from tests.factories.earnings import make_row, take_in
from tests.factories.results import make_rejected, make_result
from tests.factories.staff import make_staff
from tests.outside import Outside

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
_EVENTS, _PAGE = 120, 50
_LONG = "Umbra Partners with a name so long that every table, letter and narrow phone has to cope with it"
_LONG_ID = "of_" + "9" * 60


def happen(organization: Organization, name: str, count: int, creator: str = "") -> None:
    """Let something happen every minute up to now."""
    moment = now()
    record_events(
        NewEvent(
            name=name,
            occurred_at=moment - number * dt.timedelta(minutes=1),
            idempotency_key=f"{name}-{number}",
            organization_id=organization.pk,
            creator=creator,
            provider="onlyfans",
            source="test",
            properties={"number": number, "text": "<script>alert(1)</script> " + "word " * 40},
        )
        for number in range(count)
    )


def list_rows(desk: Desk) -> list[str]:
    """Read the rows of the list that is open, each as one line."""
    expect(desk.page.locator("#changelist")).to_be_visible()
    return [" ".join(text.split()) for text in desk.page.locator("#result_list tbody tr").all_inner_texts()]


def test_events_are_filtered_and_leafed_through(open_desk: OpenDesk, outside: Outside) -> None:
    aurora, umbra = make_organization(name="Aurora Talent"), make_organization(name=_LONG)
    happen(aurora, "message.sent", _EVENTS, creator="ada")
    happen(umbra, "fan.joined", 3, creator="una")
    desk = open_desk(make_staff("Support"))

    desk.open("/admin/")
    desk.page.get_by_role("link", name="Event log").click()
    assert len(list_rows(desk)) == _PAGE

    desk.page.get_by_text("Filters").first.click()
    desk.page.locator("select[name=name]").select_option("message.sent", force=True)
    desk.page.get_by_role("button", name="Apply Filters").click()
    first = list_rows(desk)
    assert len(first) == _PAGE and all("message.sent" in row for row in first)
    desk.page.get_by_role("link", name="Older").click()
    second = list_rows(desk)
    assert len(second) == _PAGE and not set(first) & set(second)
    desk.page.get_by_role("link", name="Older").click()
    assert len(list_rows(desk)) == _EVENTS - 2 * _PAGE
    desk.page.get_by_role("link", name="Newer").click()
    assert list_rows(desk) == second

    desk.open(f"/admin/analytics/event/?organization__id__exact={umbra.pk}")
    assert len(list_rows(desk)) == 3
    desk.page.locator("#searchbar").fill("fan.joined-1")
    desk.page.keyboard.press("Enter")
    (row,) = list_rows(desk)
    assert "fan.joined" in row
    desk.page.locator("#result_list tbody").get_by_role("link").first.click()
    # What somebody wrote is shown as text; a script of theirs would be a problem of the desk's watch.
    expect(desk.page.get_by_role("cell", name="<script>alert(1)</script>")).to_be_visible()
    assert {"Save", "Delete"}.isdisjoint(desk.offers())


def test_snapshots_with_their_changes_and_jumps(open_desk: OpenDesk, outside: Outside) -> None:
    organization = make_organization(name="Aurora Talent")
    make_creator(organization, display_name="Ada Aurora", onlyfans_user_id="ada")
    slot = slot_of(now())
    for place, state in enumerate(["complete", "failed"]):
        ProviderSnapshot.objects.create(
            provider="onlyfans",
            creator="ada",
            organization=organization,
            slot_at=slot - place * SLOT,
            read_at=slot,
            state=state,
            error="" if state == "complete" else "Nobody answered.",
            metrics={"fans": 1_240} if state == "complete" else {},
            deltas={"fans": -900} if state == "complete" else {},
            jumps={"fans": {"change": -900, "usual": 12}} if state == "complete" else {},
        )
    desk = open_desk(make_staff("Read only"))

    desk.open("/admin/analytics/providersnapshot/")
    complete, failed = list_rows(desk)
    assert "Fans" in complete and "FAILED" in failed.upper()
    desk.page.locator("#result_list tbody").get_by_role("link").first.click()
    expect(desk.page.get_by_role("cell", name="1,240", exact=True)).to_be_visible()
    expect(desk.page.get_by_text("Jumped:")).to_be_visible()
    expect(desk.page.get_by_role("link", name="Ada Aurora")).to_be_visible()
    desk.page.go_back()
    desk.page.locator("#result_list tbody").get_by_role("link").last.click()
    expect(desk.page.get_by_text("Nobody answered.")).to_be_visible()
    expect(desk.page.get_by_text("Nothing could be read.")).to_be_visible()


def list_pages(creator: CreatorAccount) -> Iterator[str]:
    """Name every page that shows what came in: each list, and the first thing in it."""
    models = ("unmatchedaggregate", "earningsrevision", "earningsaggregate", "resultfile", "creatoraccount")
    for name in (*(f"onlyfans_{model}" for model in models), "analytics_event", "analytics_providersnapshot"):
        yield reverse(f"admin:{name}_changelist")
    for name in ("overview", "revenue", "creators", "fans"):
        yield f"{reverse('admin:dashboard', args=[name])}?organization={creator.organization_id}"
    yield reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])


def test_names_keys_and_errors_of_any_length_fit(open_desk: OpenDesk, outside: Outside) -> None:
    """No page is wider than the window, be it a laptop's or a phone's."""
    creator = make_creator(make_organization(name=_LONG), display_name=_LONG, onlyfans_user_id=_LONG_ID)
    key = f"jobs/{'a-very-long-name-of-a-job' * 20}/result.json"
    where = {"bucket": "results", "key": key, "etag": "e" * 32, "sequencer": "A" * 32}
    take_in(make_row(_LONG_ID, 10**13, **where), make_row("of_" + "8" * 60, 10**13, **where))
    make_rejected(user_id=_LONG_ID, job_id=key[5:200])
    make_result("dead", user_id=_LONG_ID, error="The bucket could not be read. " * 20)
    happen(creator.organization, "a.very.long.name.of.an_event", 3, creator=_LONG_ID)
    fields = {"slot_at": slot_of(now()), "read_at": now(), "metrics": {"earned_gross_cents": 10**13}, "currency": "USD"}
    ProviderSnapshot.objects.create(provider="onlyfans", creator=_LONG_ID, organization=creator.organization, **fields)
    desk = open_desk(make_staff("Operations"))
    for address in (pages := list(list_pages(creator))):
        desk.open(address)
        look(desk)
        row = desk.page.locator("#result_list tbody tr").first
        if "dashboards" not in address and "change" not in address:
            desk.open(row.get_by_role("link").first.get_attribute("href") or "")
            look(desk)
    assert len(pages) == 12


def look(desk: Desk) -> None:
    """See that the open page is no wider than either window."""
    for width, height in (LAPTOP, PHONE):
        desk.page.set_viewport_size({"width": width, "height": height})
        expect(desk.page.locator("#main")).to_be_visible()
        assert desk.overflow <= 0, f"{desk.page.url} is {desk.overflow} pixels wider than {width}"
