"""How a reading differs from those before it, and whether that is out of all proportion."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.models import SLOT
from analytics.registry import Metric
from common.money import divide_half_even

# So many slots back, a week of them, is what is usual; a judgement wants to know some of them.
HISTORY = 28
LEAST_HISTORY = 8
# A change must be so many times the usual one, and at least what its metric calls worth a word.
JUMP_FACTOR = 5


@dataclass(frozen=True, slots=True)
class Former:
    """A snapshot of an earlier slot."""

    slot_at: dt.datetime
    currency: str
    metrics: Mapping[str, int]
    deltas: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed, and which of it jumped, by the metrics' names."""

    deltas: dict[str, int] = field(default_factory=dict)
    jumps: dict[str, dict[str, Any]] = field(default_factory=dict)


def compare(
    declared: Mapping[str, Metric],
    slot_at: dt.datetime,
    currency: str,
    metrics: Mapping[str, int],
    history: Sequence[Former],
) -> Comparison:
    """Compare a slot's metrics with its history, the newest first."""
    found = Comparison()
    for name, value in metrics.items():
        metric = declared[name]
        comparable = [one for one in history if metric.kind == "count" or one.currency == currency]
        former = next((one for one in comparable if name in one.metrics), None)
        if former is None:
            continue
        delta = found.deltas[name] = value - _value_before(metric, slot_at, former)
        usual = [one.deltas[name] for one in comparable if name in one.deltas]
        if jump := judge(metric, delta, usual, (slot_at - former.slot_at) // SLOT):
            found.jumps[name] = jump
    return found


def _value_before(metric: Metric, slot_at: dt.datetime, former: Former) -> int:
    """Find where the count stood; what counts up from the first of the month stood at nothing then."""
    starts_over = (former.slot_at.year, former.slot_at.month) != (slot_at.year, slot_at.month)
    return 0 if metric.span == "month" and starts_over else former.metrics[metric.name]


def judge(metric: Metric, delta: int, usual: Sequence[int], slots: int = 1) -> dict[str, Any] | None:
    """Return whether a change is a jump, judged by the changes before it; then with what it was measured by.

    `slots` is over how many slots it came about: after a gap so many usual changes are usual.
    """
    if len(usual) < LEAST_HISTORY or abs(delta) < metric.jump_from:
        return None
    total = sum(abs(change) for change in usual)
    # Without a division: the average change times the factor.
    if abs(delta) * len(usual) < JUMP_FACTOR * total * slots or delta == 0:
        return None
    return {"change": delta, "usual": divide_half_even(total * slots, len(usual))}
