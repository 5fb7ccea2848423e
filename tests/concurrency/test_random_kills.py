"""Workers that are killed at any moment at all, several of them and more than once."""

import os
import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.concurrency.crashes import Experiment, try_all
from tests.concurrency.fleet import Fleet
from tests.concurrency.world import Outside, make_world, start_billing

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_LONGEST_LIFE_SECONDS = 1.5


def test_workers_killed_at_random(fleet: Fleet, outside: Outside) -> None:
    """Two workers share a run, with threads, and die twice; `CRASH_SEED` repeats, `CRASH_ROUNDS` goes on for longer."""
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    rounds = int(os.environ.get("CRASH_ROUNDS") or 1)
    print(f"CRASH_SEED={seed} CRASH_ROUNDS={rounds}")
    chance = random.Random(seed)

    def make(name: str, deaths: Sequence[dict[str, Any]]) -> Experiment:
        world = make_world(outside)
        return Experiment(world, start_billing(world), deaths, name)

    wanted = []
    for number in range(8 * rounds):
        lives = [round(chance.uniform(0, _LONGEST_LIFE_SECONDS), 3) for _ in range(2)]
        deaths = [{"kill_after": life, "batch_sizes": {"monthly-billing": 1}} for life in lives]
        wanted.append((f"{number}: after {lives} seconds", deaths))
    assert try_all(fleet, outside, make, wanted, times=2) == {}, f"CRASH_SEED={seed}"
