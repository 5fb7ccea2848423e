"""Whatever is stored, told of and read in whatever order: what stands is what the bucket then holds."""

import random
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from onlyfans.models import ResultFile
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.results import process_files, take_files
from tests.factories.billing import make_creator, make_organization
from tests.onlyfans.results.shelf import Shelf
from tests.onlyfans.results.test_order import DOOR, put, shelf, stored
from tests.onlyfans.results.world import earnings, fans, look_at_earnings, look_at_figures

__all__ = ["shelf"]
pytestmark = pytest.mark.django_db
_KEYS = ("1", "2")
# Storing a new version of a key, telling of any version that was stored before, or letting a worker read what waits.
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.sampled_from(_KEYS), st.integers(1, 3)),
        st.tuples(st.just("tell"), st.sampled_from(_KEYS), st.integers(0, 9)),
        st.tuples(st.just("read"), st.just(""), st.just(0)),
    ),
    max_size=14,
)


@given(_STEPS, st.randoms(use_true_random=False))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_storing_telling_and_reading(shelf: Shelf, steps: list[Any], chance: random.Random) -> None:
    """In the end everything was told of, in any order; what stands is what the bucket then holds."""
    with transaction.atomic():
        _Story(shelf).run(steps, chance)
        transaction.set_rollback(True)


class _Story:
    """Versions of two keys, fans of one creator and earnings of another; what each holds, and what was told of them."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.moment = shelf, 0
        self.told: dict[str, list[StoredFile]] = {key: [] for key in _KEYS}
        self.counts: dict[str, int] = {}
        make_creator(make_organization(), onlyfans_user_id=f"user{_KEYS[1]}")

    def run(self, steps: list[Any], chance: random.Random) -> None:
        for verb, key, number in steps:
            if verb == "store":
                self._store(key, number)
            elif verb == "tell" and self.told[key]:
                take_files([self.told[key][number % len(self.told[key])]], DOOR)
            elif verb == "read":
                process_files()
        everything = [file for files in self.told.values() for file in files] * 2
        chance.shuffle(everything)
        for file in everything:
            take_files([file], DOOR)
        process_files()
        process_files()
        assert self._look() == self.counts
        stands = ResultFile.objects.filter(status="done").order_by("job_id").values_list("job_id", flat=True)
        assert list(stands) == sorted(self.counts)

    def _look(self) -> dict[str, Any]:
        found = {
            "1": look_at_figures().get(("user1", "fans")),
            "2": look_at_earnings().get(("user2", "2026-10", "tips"), (None, None))[0],
        }
        return {key: count for key, count in found.items() if count is not None}

    def _store(self, key: str, count: int) -> None:
        self.moment += 1
        cents = {"tips": {"grossCents": count, "netCents": count}}
        body = fans("user1", count) if key == "1" else earnings("user2", parts=cents)
        etag = put(self.shelf, key, body, self.moment)
        self.told[key].append(stored(key, etag, f"{self.moment:04X}"))
        self.counts[key] = count
