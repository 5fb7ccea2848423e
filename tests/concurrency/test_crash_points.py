"""A worker that is killed, or that falls asleep, anywhere leaves nothing undone and nothing done twice.

By default every call that changes something outside and a spread of all other effects is tried; with
`CRASH_POINTS=all` each single effect of a run.
"""

import os
from collections.abc import Sequence
from typing import Any

import pytest

from billing.models import InvoiceDelivery
from tests.concurrency.crashes import Experiment, list_effects, try_all
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.concurrency.world import Outside, make_world, start_billing

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_ALL = os.environ.get("CRASH_POINTS") == "all"


class Points:
    """The effects of a worker that nothing befalls, of which some are chosen."""

    def __init__(self, fleet: Fleet, outside: Outside, job: str = "monthly-billing") -> None:
        self._fleet, self._outside, self._job = fleet, outside, job
        self.effects = list_effects(fleet, outside, job)

    def choose(self, every: int, offset: int, moments: tuple[str, ...]) -> list[int]:
        """Choose places, counted from one: one of so many, and these moments of each change outside; or all."""
        places = range(1, len(self.effects) + 1)
        return [place for place in places if _ALL or place % every == offset or self._is_momentous(place, moments)]

    def find(self, name: str) -> int:
        """Find the first effect of which the name begins so."""
        return next(place for place, effect in enumerate(self.effects, start=1) if effect.startswith(name))

    def make(self, name: str, deaths: Sequence[dict[str, Any]]) -> Experiment:
        """Set up an experiment."""
        world = make_world(self._outside)
        return Experiment(world, start_billing(world, self._job), deaths, name)

    def end_at(self, how: str, places: Sequence[int]) -> list[tuple[str, Sequence[dict[str, Any]]]]:
        """Say for each of these places that a worker is to end there."""
        count = len(self.effects)
        return [
            (f"{place} of {count}: {self.effects[place - 1]}", [{how: place, "ports": self._fleet.ports, **ONE_THREAD}])
            for place in places
        ]

    def _is_momentous(self, place: int, moments: tuple[str, ...]) -> bool:
        name = self.effects[place - 1]
        is_call = name.startswith(moments) and any(verb in name for verb in ("POST", "PUT", "MIME"))
        # The second organization's differ from the first's in nothing but their turn.
        return is_call and place <= len(self.effects) * 5 // 9


def test_a_worker_killed_at_any_effect(fleet: Fleet, outside: Outside) -> None:
    points = Points(fleet, outside)
    assert len(points.effects) > 100
    places = points.choose(8, 0, ("sent", "answered"))
    print(f"{len(places)} of {len(points.effects)} effects")
    assert try_all(fleet, outside, points.make, points.end_at("kill_at", places)) == {}


def test_a_worker_that_sleeps_through_its_lease_at_any_effect(fleet: Fleet, outside: Outside) -> None:
    """The process is stopped, others do its work, and then it goes on where it was."""
    points = Points(fleet, outside)
    places = points.choose(24, 5, ("sent",))
    print(f"{len(places)} of {len(points.effects)} effects")
    assert try_all(fleet, outside, points.make, points.end_at("sleep_at", places)) == {}


def test_a_worker_that_loses_its_database_at_any_effect(fleet: Fleet, outside: Outside) -> None:
    points = Points(fleet, outside)
    places = points.choose(20, 15, ())
    print(f"{len(places)} of {len(points.effects)} effects")
    assert try_all(fleet, outside, points.make, points.end_at("cut_at", places)) == {}


def test_careless_billing_would_be_found_out(fleet: Fleet, outside: Outside, careless_billing: str) -> None:
    """Undisturbed it passes for right; killed between the call and the row, there are two."""
    points = Points(fleet, outside, careless_billing)
    places = [points.find("INSERT billing_numberseries"), points.find("sent http POST /stripe/v1/invoices")]
    ((name, faults),) = try_all(fleet, outside, points.make, points.end_at("kill_at", places)).items()
    assert "sent http POST" in name
    assert len([fault for fault in faults if "is 2 customers in Stripe" in fault]) == 1
    assert len([fault for fault in faults if "Stripe has [" in fault and fault.count("'in_") == 2]) == 1


def test_without_its_row_an_effect_is_found_by_what_it_is(fleet: Fleet, outside: Outside) -> None:
    """A restored backup has no row of it: the next worker looks in Stripe all the same."""
    points = Points(fleet, outside)
    answered = points.end_at("kill_at", [points.find("answered http POST /stripe/v1/invoices")])
    assert try_all(fleet, outside, points.make, answered, tamper=InvoiceDelivery.objects.all().delete) == {}
