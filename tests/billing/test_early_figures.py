"""Figures from before a month's end are a part of it: who can be asked is asked again, and what can't be is said."""

import datetime as dt
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.template.loader import render_to_string
from pytest_django import Settings

from billing.explaining import explain, explain_short
from billing.models import InvoiceLine
from common.clock import now
from jobs.models import JobRun
from onlyfans.models import CreatorAccount, EarningsRevision
from onlyfans.selectors import list_creators_to_pull
from onlyfans.services.ingesting import correct_category
from tests.factories.billing import AUGUST, make_creator, make_organization
from tests.factories.earnings import make_row, see_month, take_in
from tests.factories.runs import bill, run
from tests.factories.staff import log_in
from tests.outside import Outside, wired

__all__ = ["wired"]
pytestmark = pytest.mark.django_db(transaction=True)
EARLY = dt.datetime(2026, 8, 20, 12, 30, tzinfo=dt.UTC)
WHOLE = {"tips": (10_000, 8_000)}
PART = {"tips": (6_000, 4_800)}
SAID = "As known on 2026-08-20 12:30 UTC, before the month had ended: what comes later is billed as an adjustment"
NOTE = "Figures from before the month's end: Aurora. What comes later is billed as an adjustment."


@pytest.fixture
def aurora(wired: Outside) -> CreatorAccount:
    account = f"of_{uuid.uuid4().hex[:12]}"
    wired.seed(account, AUGUST, tips=10_000)
    fields = {"display_name": "Aurora", "onlyfans_user_id": account, "credentials": {"token": "token-1"}}
    return make_creator(make_organization(), **fields)


def send(creator: CreatorAccount, at: dt.datetime = EARLY, **values: Any) -> None:
    given = {"month": AUGUST, "parts": PART, "received_at": at, **values}
    take_in(make_row(creator.onlyfans_user_id, **given))


def disconnect(creator: CreatorAccount) -> None:
    CreatorAccount.objects.filter(pk=creator.pk).update(credentials=None)


def see(creator: CreatorAccount) -> dict[str, tuple[int, int]]:
    """The month's figures; the gateway names each category, earned in or not."""
    return {name: figures for name, figures in see_month(creator, AUGUST).items() if figures != (0, 0)}


def find_line() -> InvoiceLine:
    return InvoiceLine.objects.get(kind="commission")


def is_early(ended: JobRun) -> bool:
    return "early_figures" in ended.summary


@pytest.mark.parametrize(
    "values", [{}, {"source": "result file", "bucket": "results", "key": "jobs/1/result.json", "etag": "e"}]
)
def test_who_is_connected_is_asked_again(wired: Outside, aurora: CreatorAccount, values: dict[str, Any]) -> None:
    send(aurora, **values)
    ended = bill(AUGUST)
    assert see(aurora) == WHOLE
    assert (find_line().amount_cents, "as_of" in find_line().explanation) == (1_600, False)
    page = log_in("Finance").get(f"/admin/billing/invoice/{find_line().invoice_id}/change/").content.decode()
    assert "from figures before" not in page and "known on" not in page
    assert (is_early(ended), ended.items.get().result.get("note")) == (False, None)


def test_a_preview_asks_too_and_keeps_nothing(wired: Outside, aurora: CreatorAccount) -> None:
    send(aurora)
    ended = bill(AUGUST, dry_run=True)
    assert ended.items.get().result["total_cents"] == 1_600
    assert see(aurora) == PART


@pytest.mark.parametrize("seconds", [-1, 0])
def test_the_month_ends_in_utc_to_the_second(wired: Outside, aurora: CreatorAccount, seconds: int) -> None:
    send(aurora, AUGUST.ends_at + dt.timedelta(seconds=seconds))
    bill(AUGUST)
    assert see(aurora) == (PART if seconds == 0 else WHOLE)
    assert bool(wired.list_requests(service="onlyfans")) == (seconds < 0)


def test_the_same_figures_sent_again_after_the_end_make_it_whole(wired: Outside, aurora: CreatorAccount) -> None:
    send(aurora)
    send(aurora, AUGUST.ends_at)
    bill(AUGUST)
    assert see(aurora) == PART
    assert wired.list_requests(service="onlyfans") == []


def test_nothing_is_billed_by_a_part_where_the_gateway_refuses(wired: Outside, aurora: CreatorAccount) -> None:
    send(aurora)
    wired.control("PUT", f"/onlyfans/{aurora.onlyfans_user_id}", token="token-2")
    ended = bill(AUGUST)
    assert (ended.failed, InvoiceLine.objects.exists()) == (1, False)
    assert "connect the account again" in ended.items.get().error


def test_who_was_connected_once_is_not_billed_by_what_the_gateway_said_early(
    wired: Outside, aurora: CreatorAccount
) -> None:
    send(aurora, source="gateway")
    disconnect(aurora)
    ended = bill(AUGUST)
    assert (ended.failed, InvoiceLine.objects.exists()) == (1, False)
    assert ended.items.get().error.startswith("Aurora has no gateway credentials")


@pytest.mark.parametrize("has_gateway", [True, False])
def test_who_cant_be_asked_is_billed_for_the_part_and_it_is_said(
    wired: Outside, aurora: CreatorAccount, settings: Settings, has_gateway: bool
) -> None:
    if has_gateway:
        disconnect(aurora)
    else:
        settings.ONLYFANS_API_URL = ""
    send(aurora)
    ended = bill(AUGUST)
    line = find_line()
    assert line.amount_cents == 960
    assert explain(line.explanation, "USD")[:2] == ["Net earnings USD 48.00 (tips USD 48.00)", SAID]
    assert explain_short(line.explanation, "USD")[0] == "Net earnings USD 48.00 as known on 2026-08-20"
    assert (ended.items.get().result["note"], ended.summary["early_figures"]) == (NOTE, 1)
    assert wired.list_requests(service="onlyfans") == []
    page = " ".join(log_in("Finance").get(f"/admin/billing/invoice/{line.invoice_id}/change/").content.decode().split())
    assert "1 line is from figures before the month" in page and "known on 2026-08-20" in page


def test_what_comes_later_is_trued_up_to_the_cent(wired: Outside, aurora: CreatorAccount) -> None:
    disconnect(aurora)
    send(aurora)
    bill(AUGUST)
    send(aurora, AUGUST.plus(1).ends_at, parts=WHOLE)
    send(aurora, AUGUST.plus(1).ends_at, month=AUGUST.plus(1), parts={"tips": (0, 0)})
    ended = bill(AUGUST.plus(1))
    adjustment = InvoiceLine.objects.get(kind="adjustment")
    assert (adjustment.amount_cents, adjustment.month) == (640, AUGUST.first_day)
    assert (SAID in " ".join(explain(adjustment.explanation, "USD")), is_early(ended)) == (False, False)


def test_a_held_invoice_says_it_beside_why_it_is_held(wired: Outside, aurora: CreatorAccount) -> None:
    disconnect(aurora)
    aurora.organization.billing_account.__class__.objects.update(max_total_cents=1)
    send(aurora)
    ended = bill(AUGUST)
    note = str(ended.items.get().result["note"])
    assert note.startswith("Held for approval: Its total of USD 9.60 is above USD 0.01.") and note.endswith(NOTE)
    assert (ended.summary["held"], ended.summary["early_figures"]) == (1, 1)


def test_a_correction_that_the_gateway_leaves_standing_is_of_the_whole_month(
    wired: Outside, aurora: CreatorAccount
) -> None:
    """Corrected while the month ran, and the gateway says after its end what it had said then."""
    send(aurora, source="gateway", parts=WHOLE)
    correct_category(aurora.pk, AUGUST.first_day, "tips", (9_000, 7_000), "USD", EARLY + dt.timedelta(hours=1))
    ended = bill(AUGUST)
    assert see(aurora) == {"tips": (9_000, 7_000)}
    assert (find_line().amount_cents, is_early(ended)) == (1_400, False)
    assert not list_creators_to_pull([aurora.organization_id], AUGUST.first_day).exists()


def test_a_correction_of_the_running_month_gives_way_to_what_the_gateway_says_of_the_whole(
    wired: Outside, aurora: CreatorAccount
) -> None:
    send(aurora, source="gateway")
    correct_category(aurora.pk, AUGUST.first_day, "tips", (9_000, 7_000), "USD", EARLY + dt.timedelta(hours=1))
    assert run("pull-earnings", month=AUGUST).status == "succeeded"
    assert see(aurora) == WHOLE
    bill(AUGUST)
    assert find_line().amount_cents == 1_600


@pytest.mark.parametrize("early", [0, 3])
def test_the_summary_by_e_mail_says_how_many(early: int) -> None:
    summary = {"month_label": "August 2026", "early": early, "errors": [], "invoiced": []}
    for suffix in (".txt", ".html"):
        text = " ".join(render_to_string(f"billing/email/summary{suffix}", {"summary": summary}).split())
        assert ("With figures from before the month" in text) == bool(early)


def test_what_came_before_the_gateway_answered_is_older_than_its_answer(wired: Outside, aurora: CreatorAccount) -> None:
    """The answer is stamped with when it came, not with when the batch was claimed."""
    wired.control("PUT", "/latency", onlyfans=1_500)
    began_at = now()

    def post() -> None:
        try:
            time.sleep(0.7)
            send(aurora, now())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(post)
        bill(AUGUST)
        posted.result()
    received = dict(EarningsRevision.objects.filter(creator=aurora).values_list("source", "received_at"))
    assert len(received) == 2
    assert began_at + dt.timedelta(seconds=1.4) < received.pop("gateway")
    assert see(aurora) == WHOLE
    assert find_line().amount_cents == 1_600
