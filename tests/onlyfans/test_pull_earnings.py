"""The job that pulls earnings: who is asked, what is kept, and what becomes of those who must connect again."""

import datetime as dt
import uuid

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from alerts.models import Incident
from alerts.services.watching import tick
from common.clock import Month
from common.pace import Window, hold_back
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import InvalidParams
from onlyfans.checks import find_expired
from onlyfans.jobs.pulling import month_of_yesterday
from onlyfans.models import CreatorAccount, EarningsAggregate
from onlyfans.selectors import list_creators_to_pull
from tests.factories.billing import AUGUST, make_creator, make_organization
from tests.factories.runs import finish, run
from tests.factories.staff import log_in
from tests.outside import Outside, wired

__all__ = ["wired"]
pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = "The OnlyFans gateway refused the stored credentials (401): connect the account again."


@pytest.fixture
def creator(wired: Outside) -> CreatorAccount:
    return connect(wired, "Aurora Star")


def connect(outside: Outside, name: str, **cents: int) -> CreatorAccount:
    # An account of its own for each test: its pace is kept by a server that outlives the test.
    account = f"of_{uuid.uuid4().hex[:12]}"
    fields = {"display_name": name, "onlyfans_user_id": account, "credentials": {"token": "token-1"}}
    outside.seed(account, AUGUST, **(cents or {"tips": 10_000, "chargebacks": -500}))
    return make_creator(make_organization(), **fields)


def pull(**params: object) -> JobRun:
    return run("pull-earnings", month=AUGUST, **params)


def stored(creator: CreatorAccount) -> dict[str, tuple[int, int]]:
    rows = EarningsAggregate.objects.filter(creator=creator, month=AUGUST.first_day).exclude(gross_cents=0)
    return {row.category: (row.gross_cents, row.net_cents) for row in rows}


def read_again(creator: CreatorAccount) -> CreatorAccount:
    return CreatorAccount.objects.get(pk=creator.pk)


def test_pulls_every_active_creator_with_credentials(wired: Outside, creator: CreatorAccount) -> None:
    second = connect(wired, "Boreal", tips=300)
    never = make_creator(creator.organization)
    paused = connect(wired, "Paused")
    CreatorAccount.objects.filter(pk=paused.pk).update(status="paused")
    CreatorAccount.objects.filter(pk=paused.pk).update(left_at=AUGUST.starts_at)
    ended = pull()
    assert (ended.status, ended.expected, ended.done) == ("succeeded", 2, 2)
    assert stored(creator) == {"tips": (10_000, 8_000), "chargebacks": (-500, -400)}
    assert stored(second) == {"tips": (300, 240)}
    assert (stored(never), stored(paused)) == ({}, {})
    assert ended.items.get(key=str(creator.pk)).result == {
        "currency": "USD", "gross_cents": 9_500, "net_cents": 7_600, "chargebacks_cents": -500,
    }  # fmt: skip
    assert ended.summary == {"month": "2026-08", "creators": 2, "pulled": 2, "connect_again": 0}
    assert read_again(creator).connection_state == "connected"
    assert {row.source for row in EarningsAggregate.objects.all()} == {"gateway"}


def test_pulls_only_whom_it_is_told(wired: Outside, creator: CreatorAccount) -> None:
    second = connect(wired, "Boreal")
    assert pull(creators=(second.onlyfans_user_id,)).done == 1
    assert (stored(creator), bool(stored(second))) == ({}, True)
    assert pull(organizations=(creator.organization_id,)).done == 1
    assert stored(creator)


def test_refuses_what_nobody_knows() -> None:
    with pytest.raises(InvalidParams) as raised:
        run("pull-earnings", month="2199-01", organizations=["org_x"], creators=["u-x"])
    assert not JobRun.objects.exists()
    assert raised.value.errors == {
        "month": "2199-01 has not begun yet.",
        "organizations": "There is no organization org_x.",
        "creators": "There is no creator u-x.",
    }


def test_without_a_gateway_there_is_nothing_to_do(creator: CreatorAccount, settings: Settings) -> None:
    settings.ONLYFANS_API_URL = ""
    assert pull().status == "nothing_to_do"


@pytest.mark.parametrize(("moment", "month"), [("2026-11-01", "2026-10"), ("2026-11-02", "2026-11")])
def test_the_month_of_yesterday_is_read(moment: str, month: str) -> None:
    at = dt.datetime.fromisoformat(f"{moment}T01:30:00+00:00")
    assert month_of_yesterday(at) == Month.parse(month)
    assert get_job("pull-earnings").scheduled(at) == {"month": Month.parse(month)}


def test_pulled_again_the_newer_figures_stand(wired: Outside, creator: CreatorAccount) -> None:
    pull()
    wired.seed(creator.onlyfans_user_id, AUGUST, tips=20_000)
    pull()
    assert stored(creator) == {"tips": (20_000, 16_000)}


def test_what_was_pulled_before_the_month_had_ended_is_pulled_again_by_billing(creator: CreatorAccount) -> None:
    pull()
    to_pull = list_creators_to_pull([creator.organization_id], AUGUST.first_day)
    assert list(to_pull) == []
    EarningsAggregate.objects.update(received_at=AUGUST.ends_at - dt.timedelta(seconds=1))
    assert list(to_pull.all()) == [creator]
    EarningsAggregate.objects.update(source="import")
    assert list(to_pull.all()) == [creator]
    CreatorAccount.objects.update(credentials=None)
    assert list(to_pull.all()) == []
    EarningsAggregate.objects.update(source="gateway")
    assert list(to_pull.all()) == [creator]


def test_an_expired_session_is_a_state_and_an_incident_and_ends_with_a_new_token(
    wired: Outside, creator: CreatorAccount
) -> None:
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", token="token-2")
    other = connect(wired, "Boreal")
    ended = pull()
    assert (ended.status, ended.done, ended.failed) == ("partial", 1, 1)
    item = ended.items.get(key=str(creator.pk))
    assert (item.error, item.error_kind) == (f"Aurora Star: {REFUSED}", "permanent")
    assert ended.summary["connect_again"] == 1
    assert stored(creator) == {}
    expired = read_again(creator)
    assert (expired.connection_state, expired.connection_reason) == ("expired", REFUSED)
    assert read_again(other).connection_state == "connected"
    tick()
    incident = Incident.objects.get(condition="creator-disconnected", scope=str(creator.organization_id))
    title = f"Aurora Star of {creator.organization} must be reconnected"
    assert (incident.title, incident.resolved_at) == (title, None)
    client = log_in("Support")
    address = reverse("admin:onlyfans_creatoraccount_change", args=[creator.pk])
    page = client.get(address).content.decode()
    assert "Connect again" in page and REFUSED in page and "store the new token" in page
    listed = client.get(reverse("admin:onlyfans_creatoraccount_changelist") + "?connection_state__exact=expired")
    assert "Aurora Star" in listed.content.decode() and "Boreal" not in listed.content.decode()
    client.post(address, {"display_name": "Aurora Star", "new_token": "token-2"})
    renewed = read_again(creator)
    assert (renewed.connection_state, renewed.connection_reason) == ("untried", "")
    tick()
    incident.refresh_from_db()
    assert incident.resolved_at is not None
    assert pull().status == "succeeded"
    assert read_again(creator).connection_state == "connected"


def test_one_incident_an_organization_and_none_for_those_who_left(wired: Outside, creator: CreatorAccount) -> None:
    second = connect(wired, "Boreal")
    for each in (creator, second):
        wired.control("PUT", f"/onlyfans/{each.onlyfans_user_id}", token="token-2")
    pull()
    since = read_again(creator).connection_since
    pull()
    assert {finding.scope for finding in find_expired()} == {str(one.organization_id) for one in (creator, second)}
    assert read_again(creator).connection_since == since
    CreatorAccount.objects.filter(pk=second.pk).update(organization=creator.organization)
    (found,) = find_expired()
    assert (found.scope, found.count) == (str(creator.organization_id), 2)
    assert found.title == f"2 creators of {creator.organization} must be reconnected"
    assert found.detail.startswith(f"Aurora Star and Boreal: {REFUSED}")
    assert found.permission == "onlyfans.change_creatoraccount"
    listed = log_in("Support").get(found.link).content.decode()
    assert "Aurora Star" in listed and "Boreal" in listed
    tick()
    assert Incident.objects.filter(condition="creator-disconnected", resolved_at=None).count() == 1
    CreatorAccount.objects.filter(pk=second.pk).update(status="closed")
    assert [finding.count for finding in find_expired()] == [1]


def test_who_has_had_enough_requests_is_put_off_and_nobody_blamed(
    wired: Outside, creator: CreatorAccount, settings: Settings
) -> None:
    window = Window(f"onlyfans:{creator.onlyfans_user_id}", settings.ONLYFANS_REQUESTS_PER_MINUTE, 60)
    hold_back(window, 0.3)
    ended = pull()
    item = ended.items.get()
    assert (ended.status, item.attempts, item.error) == ("succeeded", 0, "")
    assert item.steps["process"]["errors"] == []
    assert len(wired.list_requests(service="onlyfans")) == 1


def test_slowing_down_holds_for_everybody_who_would_ask_for_the_account(
    wired: Outside, creator: CreatorAccount
) -> None:
    wired.fail("onlyfans", creator.onlyfans_user_id, status=429, headers={"Retry-After": "1"})
    ended = pull()
    first, second = wired.list_requests(service="onlyfans")
    assert (ended.status, first["status"], second["status"]) == ("succeeded", 429, 200)
    assert second["at"] - first["at"] >= 1
    assert ended.items.get().attempts == 1


def test_a_session_opens_an_account_too(wired: Outside, creator: CreatorAccount) -> None:
    session = {"cookie": "sess=cookie-1", "x_bc": "bc-1", "user_agent": "Browser/1"}
    wired.control("PUT", f"/onlyfans/{creator.onlyfans_user_id}", session="sess=cookie-1")
    CreatorAccount.objects.filter(pk=creator.pk).update(credentials={"session": session})
    assert pull().status == "succeeded"
    (request,) = wired.list_requests(service="onlyfans")
    assert request["user_agent"] == "Browser/1"
    assert stored(creator)


def test_figures_that_come_back_stand_again(wired: Outside, creator: CreatorAccount) -> None:
    for tips in (10_000, 20_000, 10_000):
        wired.seed(creator.onlyfans_user_id, AUGUST, tips=tips)
        pull()
    assert stored(creator) == {"tips": (10_000, 8_000)}


def test_a_scheduler_starts_it_over_http(wired: Outside, creator: CreatorAccount, settings: Settings) -> None:
    settings.CRON_SECRETS = ("a-secret-of-the-tests",)
    answer = Client().post(
        "/api/cron/pull-earnings",
        {"month": str(AUGUST), "creators": [creator.onlyfans_user_id]},
        content_type="application/json",
        headers={"x-cron-secret": "a-secret-of-the-tests"},
    )
    assert answer.status_code == 202, answer.content
    assert finish(JobRun.objects.get(job="pull-earnings")).status == "succeeded"
    assert stored(creator) == {"tips": (10_000, 8_000), "chargebacks": (-500, -400)}


def test_the_nightly_schedule_is_there_to_be_edited() -> None:
    call_command("migrate", verbosity=0)
    task = PeriodicTask.objects.select_related("crontab").get(name="pull-earnings")
    assert task.enabled
    assert task.crontab is not None
    assert (task.crontab.minute, task.crontab.hour) == ("30", "1")
