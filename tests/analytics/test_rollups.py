"""Roll-ups equal what they sum up, whatever changed before the last refresh."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from analytics.models import CreatorDay, MetricDay, RevenueRollup, RollupState, StaleDay
from analytics.registry import RevenueSource, find_revenue_source
from analytics.services.rollups import refresh_days, refresh_revenue
from analytics.services.rollups.revenue import MARGIN
from analytics.services.snapshots import take_snapshots
from common.clock import Month
from jobs.engine import work
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.analytics.sources import Provider, declared
from tests.factories.billing import earn, make_creator, make_organization

pytestmark = pytest.mark.django_db
OCTOBER = Month(2026, 10)
SLOT = dt.datetime(2026, 10, 14, 6, tzinfo=dt.UTC)
LEVEL = RevenueRollup.Level

type Sums = dict[tuple[Any, ...], tuple[int, int]]


def _source() -> RevenueSource:
    source = find_revenue_source("onlyfans")
    assert source is not None
    return source


def _truth(level: str) -> Sums:
    """Sum up the aggregates themselves, one by one."""
    gross: Counter[tuple[Any, ...]] = Counter()
    net: Counter[tuple[Any, ...]] = Counter()
    for row in EarningsAggregate.objects.select_related("creator"):
        organization = None if level == LEVEL.ALL else row.creator.organization_id
        creator = row.creator.onlyfans_user_id if level == LEVEL.CREATOR else ""
        for category in (row.category, ""):
            key = (organization, creator, row.month, category, row.currency)
            gross[key] += row.gross_cents
            net[key] += row.net_cents
    return {key: (gross[key], net[key]) for key in gross}


def _rolled_up(level: str) -> Sums:
    rows = RevenueRollup.objects.filter(level=level, provider="onlyfans")
    return {
        (row.organization_id, row.creator, row.month, row.category, row.currency): (row.gross_cents, row.net_cents)
        for row in rows
    }


def _assert_true() -> None:
    for level in LEVEL.values:
        assert _rolled_up(level) == _truth(level), level


def test_the_first_refresh_adds_up_everything() -> None:
    one, two = make_organization(), make_organization()
    for organization in (one, two, two):
        creator = make_creator(organization)
        earn(creator, OCTOBER, 1000, "tips", net_cents=800)
        earn(creator, OCTOBER, -300, "chargebacks", net_cents=-240)
        earn(creator, OCTOBER.plus(-1), 50, "posts", currency="EUR")

    assert refresh_revenue(_source()) == 6
    _assert_true()
    total = RevenueRollup.objects.get(level=LEVEL.ALL, month=OCTOBER.first_day, category="")
    assert (total.gross_cents, total.net_cents, total.creators, total.currency) == (2100, 1680, 3, "USD")


def test_a_refresh_touches_only_what_changed() -> None:
    first, second = (earn(make_creator(make_organization()), OCTOBER, 100) for _ in range(2))
    refresh_revenue(_source())
    kept = RevenueRollup.objects.get(creator=second.creator.onlyfans_user_id, category="tips").pk
    # As if the refresh had been so long after these changes that they are not looked at again.
    RollupState.objects.update(refreshed_at=F("refreshed_at") + MARGIN)
    earn(first.creator, OCTOBER, 170)

    assert refresh_revenue(_source()) == 1
    _assert_true()
    assert RevenueRollup.objects.filter(pk=kept).exists()


def test_comparing_finds_what_was_deleted_and_what_moved() -> None:
    creators = [make_creator(make_organization()) for _ in range(3)]
    rows = [earn(creator, OCTOBER, 100) for creator in creators]
    refresh_revenue(_source())
    rows[0].delete()
    creators[1].organization = make_organization()
    creators[1].save(update_fields=["organization"])

    assert refresh_revenue(_source(), compare=True) == 2
    _assert_true()
    assert refresh_revenue(_source(), compare=True) == 0


_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["earn", "earn", "earn", "delete", "move"]),
        st.integers(0, 3),
        st.integers(0, 2),
        st.sampled_from(["tips", "posts", "chargebacks"]),
        st.integers(-10_000, 10_000),
        st.sampled_from(["USD", "USD", "JPY"]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(_CHANGES, min_size=1, max_size=3))
def test_after_any_changes_roll_ups_equal_the_truth(rounds: list[Any]) -> None:
    with _forgotten():
        organizations = [make_organization() for _ in range(2)]
        creators = [make_creator(organizations[number % 2]) for number in range(4)]
        for changes in rounds:
            for change in changes:
                _apply(creators, organizations, *change)
            refresh_revenue(_source(), compare=any(kind != "earn" for kind, *_ in changes))
            _assert_true()


class _forgotten:
    """A transaction that never was."""

    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        self._atomic.__enter__()

    def __exit__(self, *error: object) -> None:
        transaction.set_rollback(True)
        self._atomic.__exit__(None, None, None)


def _apply(
    creators: list[CreatorAccount],
    organizations: list[Organization],
    kind: str,
    who: int,
    back: int,
    category: str,
    cents: int,
    currency: str,
) -> None:
    creator, month = creators[who], OCTOBER.plus(-back)
    if kind == "earn":
        earn(creator, month, cents, category, net_cents=cents - cents // 5, currency=currency)
    elif kind == "delete":
        EarningsAggregate.objects.filter(creator=creator, month=month.first_day, category=category).delete()
    else:
        creator.organization = organizations[back % 2]
        creator.save(update_fields=["organization"])


def _take(provider: Provider, slot_at: dt.datetime) -> None:
    with declared(provider):
        take_snapshots(provider.source, slot_at, "", "", slot_at)


def _refresh_days(provider: Provider) -> int:
    with declared(provider):
        return refresh_days(provider.name, lambda: None)


def _metrics() -> dict[tuple[Any, ...], tuple[int, int, int]]:
    return {
        ("all" if row.is_total else row.organization_id, row.metric, row.currency): (
            row.closing,
            row.change,
            row.creators,
        )
        for row in MetricDay.objects.filter(day=SLOT.date())
    }


@pytest.fixture
def provider() -> Provider:
    """A provider with three creators of two organizations, read twice on a day."""
    one, two = (Organization.objects.create(id=name, name=name) for name in ("one", "two"))
    provider = Provider()
    provider.tell("ada", one.pk, fans=10, earned_cents=100)
    provider.tell("bea", one.pk, fans=5, earned_cents=7, currency="EUR")
    provider.tell("cleo", two.pk, fans=1)
    _take(provider, SLOT)
    provider.tell("ada", one.pk, fans=14, earned_cents=150)
    del provider.readings["cleo"]
    _take(provider, SLOT + dt.timedelta(hours=6))
    return provider


def test_a_day_is_its_last_reading_and_the_sum_of_its_changes(provider: Provider) -> None:
    assert _refresh_days(provider) == 1

    assert _metrics() == {
        ("one", "fans", ""): (19, 4, 2),
        ("two", "fans", ""): (1, 0, 1),
        ("all", "fans", ""): (20, 4, 3),
        ("one", "earned_cents", "USD"): (150, 50, 1),
        ("one", "earned_cents", "EUR"): (7, 0, 1),
        ("all", "earned_cents", "USD"): (150, 50, 1),
        ("all", "earned_cents", "EUR"): (7, 0, 1),
    }
    ada = CreatorDay.objects.get(creator="ada")
    assert (ada.closing, ada.change) == ({"fans": 14, "earned_cents": 150}, {"fans": 4, "earned_cents": 50})


def test_a_day_is_added_up_anew_only_when_its_snapshots_changed(provider: Provider) -> None:
    _refresh_days(provider)
    assert (_refresh_days(provider), StaleDay.objects.count()) == (0, 0)

    provider.tell("ada", "one", fans=24)
    _take(provider, SLOT + dt.timedelta(hours=12))
    assert _refresh_days(provider) == 1
    assert _metrics()["all", "fans", ""] == (30, 14, 3)


@pytest.mark.django_db(transaction=True)
def test_the_job_refreshes_and_says_as_of_when() -> None:
    earn(make_creator(make_organization()), OCTOBER, 100)
    job = get_job("analytics-rollups")
    run, _ = start(job, read_params(job, {}), JobRun.Trigger.COMMAND)
    work(run.pk, wait=True)
    run.refresh_from_db()

    assert (run.status, run.summary) == ("succeeded", {"months": 1, "days": 0})
    _assert_true()
    states = dict(RollupState.objects.values_list("name", "refreshed_at"))
    assert set(states) == {"revenue onlyfans", "days onlyfans"}
    assert all(at and at >= run.created_at for at in states.values())
