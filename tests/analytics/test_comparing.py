"""What changed, and what is out of all proportion."""

import datetime as dt

import pytest

from analytics.registry import Metric
from analytics.services.snapshots.comparing import Former, compare, judge

FANS = Metric("fans", "Fans", jump_from=50)
EARNED = Metric("earned_cents", "Earned", kind="money", span="month")
DECLARED = {"fans": FANS, "earned_cents": EARNED}
NOON = dt.datetime(2026, 10, 1, 12, tzinfo=dt.UTC)


def _former(hours: int = 6, currency: str = "USD", **metrics: int) -> Former:
    return Former(NOON - dt.timedelta(hours=hours), currency, metrics, {})


def test_a_change_is_counted_from_the_last_slot_that_knew() -> None:
    history = [_former(6), _former(12, fans=90), _former(18, fans=10)]

    assert compare(DECLARED, NOON, "", {"fans": 100}, history).deltas == {"fans": 10}


def test_what_was_never_known_has_no_change() -> None:
    assert compare(DECLARED, NOON, "", {"fans": 100}, [_former(6)]).deltas == {}


def test_what_counts_up_within_a_month_starts_over() -> None:
    same, other = _former(6, earned_cents=700), _former(18, earned_cents=90_000)

    assert compare(DECLARED, NOON, "USD", {"earned_cents": 1000}, [same]).deltas == {"earned_cents": 300}
    assert compare(DECLARED, NOON, "USD", {"earned_cents": 1000}, [other]).deltas == {"earned_cents": 1000}


def test_amounts_in_two_currencies_are_not_compared() -> None:
    euros = _former(6, currency="EUR", earned_cents=700, fans=5)

    assert compare(DECLARED, NOON, "USD", {"earned_cents": 900, "fans": 6}, [euros]).deltas == {"fans": 1}


@pytest.mark.parametrize(
    ("delta", "usual", "jump"),
    [
        (100, [20] * 8, {"change": 100, "usual": 20}),
        (-100, [20, -20] * 4, {"change": -100, "usual": 20}),
        (99, [20] * 8, None),
        (49, [0] * 8, None),
        (50, [0] * 8, {"change": 50, "usual": 0}),
        (5000, [20] * 7, None),
    ],
)
def test_a_jump_is_large_and_five_times_the_usual(delta: int, usual: list[int], jump: dict[str, int] | None) -> None:
    assert judge(FANS, delta, usual) == jump


def test_nothing_never_jumps() -> None:
    assert judge(Metric("fans", "Fans", jump_from=0), 0, [0] * 8) is None


def test_after_a_gap_so_many_usual_changes_are_usual() -> None:
    grown = [
        Former(NOON - dt.timedelta(hours=6 * (12 + place)), "", {"fans": 1000}, {"fans": 20}) for place in range(8)
    ]

    assert compare(DECLARED, NOON, "", {"fans": 1240}, grown).jumps == {}
    assert compare(DECLARED, NOON, "", {"fans": 2200}, grown).jumps == {"fans": {"change": 1200, "usual": 240}}
