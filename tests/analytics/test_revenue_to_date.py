"""Who earned most: the difference of two sums is what the months between came to, whatever changed before."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from analytics.models import RevenueRollup, RevenueToDate, RollupState
from analytics.registry import RevenueSource, Scope, find_revenue_source
from analytics.selectors.ranking import list_by_creator, list_by_organization
from analytics.services.rollups import refresh_revenue
from analytics.services.rollups.revenue import MARGIN
from analytics.services.rollups.to_date import refresh_to_date
from common.clock import Month, now
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.factories.billing import earn, make_creator, make_organization

pytestmark = pytest.mark.django_db
LEVEL = RevenueRollup.Level
THIS = Month.of(now())
# Long ago, a year of months up to the next one, and one that has not begun for a long time.
MONTHS = [Month(1999, 12), Month(2000, 1), *(THIS.plus(-back) for back in (9, 5, 4, 3, 1, 0, -1)), THIS.plus(30)]
_RANGES = [(first, last) for place, first in enumerate(MONTHS) for last in MONTHS[place:] if first.year >= 2000]

type Sums = dict[tuple[str, str, str], tuple[int, int]]


def _refresh(**how: bool) -> None:
    source = find_revenue_source("onlyfans")
    assert isinstance(source, RevenueSource)
    refresh_revenue(source, **how)


def _scope(first: Month, last: Month, **more: Any) -> Scope:
    return Scope(first.first_day, last.last_day, **{"limit": None, **more})


def _summed(level: str, first: Month, last: Month) -> Sums:
    """Sum up the months' roll-ups one by one."""
    gross: Counter[tuple[str, str, str]] = Counter()
    net: Counter[tuple[str, str, str]] = Counter()
    months = (first.first_day, last.first_day)
    for row in RevenueRollup.objects.filter(level=level, category="", month__range=months):
        key = (row.organization_id or "", row.creator, row.currency)
        gross[key] += row.gross_cents
        net[key] += row.net_cents
    return {key: (gross[key], net[key]) for key in gross}


def _assert_true() -> None:
    for first, last in _RANGES:
        for level, ranked in ((LEVEL.CREATOR, list_by_creator), (LEVEL.ORGANIZATION, list_by_organization)):
            rows = ranked(_scope(first, last))
            found = {
                (row.organization or "", row.creator, row.currency): (row.gross_cents, row.net_cents) for row in rows
            }
            assert found == _summed(level, first, last), (level, first, last)
            places = [(row.currency, -row.gross_cents) for row in rows]
            assert places == sorted(places)


def _rows() -> set[tuple[Any, ...]]:
    fields = ("level", "organization", "creator", "currency", "month", "gross_cents", "net_cents", "months")
    return set(RevenueToDate.objects.values_list(*fields))


_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["earn", "earn", "earn", "delete", "move"]),
        st.integers(0, 2),
        st.sampled_from(MONTHS),
        st.integers(-10_000, 10_000),
        st.sampled_from(["USD", "USD", "JPY"]),
    ),
    max_size=8,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(_CHANGES, min_size=1, max_size=3))
def test_after_any_changes_every_stretch_of_months_is_summed_up_exactly(rounds: list[Any]) -> None:
    with transaction.atomic():
        organizations = [make_organization() for _ in range(2)]
        creators = [make_creator(organizations[number % 2]) for number in range(3)]
        for changes in rounds:
            for change in changes:
                _apply(creators, organizations, *change)
            _refresh(compare=any(kind != "earn" for kind, *_ in changes))
            _assert_true()
        written = _rows()
        RevenueToDate.objects.all().delete()
        _refresh()
        assert _rows() == written
        transaction.set_rollback(True)


def _apply(
    creators: list[CreatorAccount],
    organizations: list[Organization],
    kind: str,
    who: int,
    month: Month,
    cents: int,
    currency: str,
) -> None:
    creator = creators[who]
    if kind == "earn":
        earn(creator, month, cents, net_cents=cents - cents // 5, currency=currency)
    elif kind == "delete":
        EarningsAggregate.objects.filter(creator=creator, month=month.first_day).delete()
    else:
        creator.organization = organizations[cents % 2]
        creator.save(update_fields=["organization"])


def _pass_margin() -> None:
    """As if the refresh had been so long after the changes that they are not looked at again."""
    RollupState.objects.update(refreshed_at=F("refreshed_at") + MARGIN)


def _begin(month: Month) -> None:
    """Refresh as the first refresh of a later month does, after which nothing was written."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE touched_months (organization_id text, creator text, month date)")
        refresh_to_date(cursor, "onlyfans", month.first_day, compare=False)
        cursor.execute("DROP TABLE touched_months")


def test_what_was_written_of_a_month_before_it_began_is_in_the_sum_when_it_has() -> None:
    early, quiet = (make_creator(make_organization()) for _ in range(2))
    earn(quiet, THIS.plus(-2), 7_000)
    earn(early, THIS.plus(1), 500)
    _refresh()
    assert RevenueToDate.objects.filter(creator=early.onlyfans_user_id).count() == 0
    _assert_true()

    _begin(THIS.plus(2))

    rows = RevenueToDate.objects.filter(level=LEVEL.CREATOR).order_by("creator", "month")
    sums: dict[str, list[tuple[Month, int]]] = {
        creator: [] for creator in (early.onlyfans_user_id, quiet.onlyfans_user_id)
    }
    for row in rows:
        sums[row.creator].append((Month.of(row.month), row.gross_cents))
    assert sums[early.onlyfans_user_id] == [(THIS.plus(1), 500), (THIS.plus(2), 500)]
    assert sums[quiet.onlyfans_user_id] == [(THIS.plus(months), 7_000) for months in range(-2, 3)]
    _assert_true()


def test_a_change_writes_only_what_it_reaches() -> None:
    creator, other = (make_creator(make_organization()) for _ in range(2))
    for back in (6, 3, 0):
        earn(creator, THIS.plus(-back), 100)
        earn(other, THIS.plus(-back), 100)
    _refresh()
    before = set(RevenueToDate.objects.values_list("pk", flat=True))
    _pass_margin()
    earn(creator, THIS.plus(-3), 900)

    _refresh()

    fresh = RevenueToDate.objects.exclude(pk__in=before)
    # Four months of the creator, and four of the organization.
    assert fresh.count() == 8
    assert {row.organization_id for row in fresh} == {creator.organization_id}
    assert min(row.month for row in fresh) == THIS.plus(-3).first_day
    _assert_true()


def test_comparing_repairs_a_sum_that_is_wrong() -> None:
    earn(make_creator(make_organization()), THIS.plus(-4), 100)
    _refresh()
    _pass_margin()
    right = _rows()
    RevenueToDate.objects.filter(month=THIS.plus(-1).first_day).update(gross_cents=5)
    _refresh()
    assert _rows() != right
    _refresh(compare=True)
    assert _rows() == right


def test_the_first_of_many_are_listed_by_currency() -> None:
    organization = make_organization(name="Aurora Talent")
    for number in range(4):
        creator = make_creator(organization)
        earn(creator, THIS.plus(-4), 100 * number, "tips")
        earn(creator, THIS.plus(-2), 1_000 + number, "tips", currency="EUR")
    _refresh()

    rows = list_by_creator(_scope(THIS.plus(-5), THIS, limit=2))
    assert [(row.currency, row.gross_cents) for row in rows] == [
        ("EUR", 1_003), ("EUR", 1_002), ("USD", 300), ("USD", 200),
    ]  # fmt: skip
    (first, second) = list_by_organization(_scope(THIS.plus(-5), THIS))
    assert [(row.currency, row.gross_cents, row.creators) for row in (first, second)] == [
        ("EUR", 4_006, 4), ("USD", 600, 3),
    ]  # fmt: skip
    assert list_by_creator(_scope(THIS.plus(-1), THIS)) == []
    of_one = _scope(THIS.plus(-5), THIS, provider="onlyfans", creator=creator.onlyfans_user_id)
    assert [row.gross_cents for row in list_by_creator(of_one)] == [1_003, 300]
    assert list_by_creator(_scope(THIS.plus(-5), THIS, organization="nobody")) == []
