"""Snapshots: one a creator and slot, compared with those before, whatever is read twice, late or not at all."""

import datetime as dt
import json

import pytest

from accounts.models import Organization
from analytics.models import ProviderSnapshot, StaleDay, slot_of
from analytics.registry import Reading
from analytics.services.snapshots import take_snapshots
from common.clock import now
from common.errors import Permanent
from jobs.engine import work
from jobs.models import JobItem, JobRun
from jobs.registry import get_job
from jobs.services import InvalidParams, read_params, start
from tests.analytics.sources import Provider, declared

pytestmark = pytest.mark.django_db
SLOT = dt.datetime(2026, 10, 14, 6, tzinfo=dt.UTC)
LATER = SLOT + dt.timedelta(hours=6)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def provider() -> Provider:
    """A provider with two creators."""
    provider = Provider()
    provider.tell("ada", fans=100, earned_cents=500)
    provider.tell("bea", fans=7)
    return provider


def _take(provider: Provider, slot_at: dt.datetime = SLOT, read_at: dt.datetime | None = None) -> int:
    with declared(provider):
        return take_snapshots(provider.source, slot_at, "", "", read_at or slot_at + MINUTE).written


def _figures(slot_at: dt.datetime) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    rows = ProviderSnapshot.objects.filter(slot_at=slot_at)
    return {row.creator: (row.metrics, row.deltas) for row in rows}


@pytest.mark.parametrize(("hour", "slot"), [(0, 0), (5, 0), (6, 6), (17, 12), (23, 18)])
def test_a_slot_is_six_hours_of_utc(hour: int, slot: int) -> None:
    east = dt.timezone(dt.timedelta(hours=9))
    moment = dt.datetime(2026, 10, 14, hour, 59, 59, tzinfo=dt.UTC).astimezone(east)

    assert slot_of(moment) == dt.datetime(2026, 10, 14, slot, tzinfo=dt.UTC)


def test_a_slot_keeps_what_changed_since_the_one_before(provider: Provider) -> None:
    organization = Organization.objects.create(name="One")
    _take(provider)
    provider.tell("ada", organization.pk, fans=130, earned_cents=450)
    _take(provider, LATER)

    assert _figures(SLOT) == {"ada": ({"fans": 100, "earned_cents": 500}, {}), "bea": ({"fans": 7}, {})}
    assert _figures(LATER) == {
        "ada": ({"fans": 130, "earned_cents": 450}, {"fans": 30, "earned_cents": -50}),
        "bea": ({"fans": 7}, {"fans": 0}),
    }
    assert ProviderSnapshot.objects.get(creator="ada", slot_at=LATER).organization == organization


def test_reading_again_changes_nothing(provider: Provider) -> None:
    assert _take(provider) == 2
    before = list(ProviderSnapshot.objects.order_by("id").values())
    StaleDay.objects.all().delete()

    assert _take(provider, read_at=SLOT + 2 * MINUTE) == 0
    assert list(ProviderSnapshot.objects.order_by("id").values()) == before
    assert not StaleDay.objects.exists()


def test_newer_figures_within_the_slot_replace_the_older(provider: Provider) -> None:
    _take(provider)
    provider.tell("bea", fans=9)

    assert _take(provider) == 1
    assert _figures(SLOT)["bea"] == ({"fans": 9}, {})
    assert StaleDay.objects.get().day == SLOT.date()


def test_a_slot_that_is_over_is_completed_and_not_rewritten(provider: Provider) -> None:
    missing = provider.readings.pop("bea")
    _take(provider)
    provider.readings["bea"] = missing
    _take(provider, LATER)
    provider.tell("ada", fans=9_000)

    assert _take(provider, SLOT, read_at=LATER + MINUTE) == 1
    assert _figures(SLOT)["ada"][0] == {"fans": 100, "earned_cents": 500}
    assert _figures(SLOT)["bea"] == ({"fans": 7}, {})
    # What follows is now compared with what was missing before.
    assert _figures(LATER)["bea"] == ({"fans": 7}, {"fans": 0})


def test_a_creator_of_whom_nothing_could_be_read_is_there_with_the_reason(provider: Provider) -> None:
    provider.readings["bea"] = Reading("bea", None, {}, error="The session has expired.")
    provider.readings["cleo"] = Reading("cleo", None, {"fans": 1}, error="No earnings.")
    _take(provider)

    states = dict(ProviderSnapshot.objects.values_list("creator", "state"))
    assert states == {"ada": "complete", "bea": "failed", "cleo": "partial"}
    assert ProviderSnapshot.objects.get(creator="bea").error == "The session has expired."


def test_a_jump_is_flagged_with_what_it_was_measured_by(provider: Provider) -> None:
    for place in range(9):
        provider.tell("ada", fans=100 + 10 * place)
        _take(provider, SLOT + place * dt.timedelta(hours=6))
    provider.tell("ada", fans=500)
    last = SLOT + dt.timedelta(hours=54)
    _take(provider, last)

    assert ProviderSnapshot.objects.exclude(jumps={}).get().slot_at == last
    assert ProviderSnapshot.objects.get(slot_at=last, creator="ada").jumps == {"fans": {"change": 320, "usual": 10}}


def test_a_metric_that_nobody_declared_is_refused(provider: Provider) -> None:
    provider.tell("ada", followers=3)

    with pytest.raises(Permanent, match="followers"):
        _take(provider)
    assert not ProviderSnapshot.objects.exists()


def _run(slot: dt.datetime | None = None) -> JobRun:
    job = get_job("analytics-snapshots")
    run, _ = start(job, read_params(job, {"slot": slot} if slot else {}), JobRun.Trigger.COMMAND)
    work(run.pk, wait=True)
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
def test_the_job_takes_a_slot_from_every_source(provider: Provider) -> None:
    other = Provider("somewhere")
    other.tell("ada", fans=1)
    with declared(provider, other):
        run = _run()

    assert run.status == JobRun.Status.SUCCEEDED
    assert run.summary["snapshots"] == 3
    found = set(ProviderSnapshot.objects.values_list("provider", "creator", "slot_at"))
    slot = slot_of(run.created_at)
    assert found == {("elsewhere", "ada", slot), ("elsewhere", "bea", slot), ("somewhere", "ada", slot)}


@pytest.mark.django_db(transaction=True)
def test_a_source_that_fails_leaves_the_others(provider: Provider) -> None:
    broken = Provider("broken", error=Permanent("The provider is closed."))
    with declared(broken, provider):
        run = _run()

    assert run.status == JobRun.Status.PARTIAL
    failed = run.items.get(status=JobItem.Status.FAILED)
    assert (json.loads(failed.key)[0], failed.error) == ("broken", "The provider is closed.")
    assert set(ProviderSnapshot.objects.values_list("provider", flat=True)) == {"elsewhere"}


def test_a_hundred_thousand_creators_are_a_hundred_items() -> None:
    from analytics.jobs.snapshots import list_ranges

    provider = Provider()
    for number in range(100_000):
        provider.readings[f"{number:06}"] = Reading(f"{number:06}", None, {})
    with declared(provider):
        keys = list_ranges(provider.source)

    assert len(keys) == 100
    assert json.loads(keys[0])[1:] == ["", "001000"]
    assert json.loads(keys[-1])[1:] == ["099000", ""]


@pytest.mark.parametrize(("hours", "said"), [(12, "not begun"), (-31, "more than a day ago")])
def test_a_slot_of_which_nothing_can_be_known_is_refused(hours: int, said: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        _run(now() + dt.timedelta(hours=hours))

    assert said in refused.value.errors["slot"]
    assert not JobRun.objects.exists()


def test_the_schedule_asks_for_its_own_slot() -> None:
    job = get_job("analytics-snapshots")

    assert (job.schedule, job.http) == ("0 */6 * * *", True)
    assert job.scheduled(SLOT + 5 * MINUTE) == {"slot": SLOT}


def test_a_slot_completed_late_is_counted_once_where_the_next_one_lacks_the_metric(provider: Provider) -> None:
    _take(provider, SLOT - 2 * (LATER - SLOT))
    provider.readings["ada"] = Reading("ada", None, {}, error="Nobody answers.")
    _take(provider, SLOT)
    provider.tell("ada", fans=130, earned_cents=700)
    _take(provider, LATER)
    assert _figures(LATER)["ada"][1] == {"fans": 30, "earned_cents": 200}

    _take(provider, SLOT - (LATER - SLOT), LATER + MINUTE)

    assert _figures(SLOT - (LATER - SLOT))["ada"][1] == {"fans": 30, "earned_cents": 200}
    assert _figures(SLOT)["ada"] == ({}, {})
    assert _figures(LATER)["ada"][1] == {"fans": 0, "earned_cents": 0}
