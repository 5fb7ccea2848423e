"""The floor of all work queues with real processes: killed between claim, effect and outcome, at once, or late."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from onlyfans.models import ResultFile
from tests.factories.results import make_result
from tests.processes import Worker

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]
KILLED = -9


class Sheet:
    """What workers did: a line an effect."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, point: str = "", *victim: int) -> Worker:
        return Worker("tests.workqueue.worker", str(self.path), point, *map(str, victim))

    def work(self, point: str = "", *victim: int) -> int:
        """Let a worker work until nothing is due, or it dies; return how it ended."""
        with self.start(point, *victim) as worker:
            return worker.begin().end()

    @property
    def effects(self) -> list[tuple[int, int]]:
        """Each effect by row and token, in the order of both."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return sorted((int(row), int(token)) for row, token in map(str.split, lines))


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    return Sheet(tmp_path / "sheet")


def end_leases() -> None:
    ResultFile.objects.filter(status="working").update(lease_expires_at=Now())


def standing(*rows: ResultFile) -> list[tuple[Any, ...]]:
    found = ResultFile.objects.in_bulk([row.pk for row in rows])
    return [(found[row.pk].status, found[row.pk].attempts, found[row.pk].error) for row in rows]


@pytest.mark.parametrize(
    ("point", "tokens", "attempts"), [("claimed", [2], 2), ("effect", [1, 2], 2), ("outcome", [1], 1)]
)
def test_a_killed_worker_s_row_is_worked_off_by_the_next(
    sheet: Sheet, point: str, tokens: list[int], attempts: int
) -> None:
    """Nothing is lost; what died after the effect repeats it, so effects have a key derived from the row."""
    first, second = make_result("waiting"), make_result("waiting")
    assert sheet.work(point) == KILLED
    assert standing(second) == [("waiting", 0, "")]
    assert sheet.work() == 0, "what is leased is left alone"
    assert standing(first) == [("done", 1, "") if point == "outcome" else ("working", 1, "")]
    end_leases()
    assert sheet.work() == 0
    assert standing(first, second) == [("done", attempts, ""), ("done", 1, "")]
    assert sheet.effects == [*((first.pk, token) for token in tokens), (second.pk, 1)]


def test_two_workers_share_rows_and_do_none_twice(sheet: Sheet) -> None:
    rows = [make_result("waiting") for _ in range(30)]
    with ExitStack() as stack:
        pair = [stack.enter_context(sheet.start()) for _ in range(2)]
        for worker in pair:
            worker.begin()
        assert [worker.end() for worker in pair] == [0, 0]
    assert sheet.effects == [(row.pk, 1) for row in rows]
    assert standing(*rows) == [("done", 1, "")] * 30


def test_without_a_lease_two_workers_would_do_everything_twice(sheet: Sheet) -> None:
    """The negative control."""
    rows = [make_result("waiting") for _ in range(3)]
    with ExitStack() as stack:
        pair = [stack.enter_context(sheet.start("careless")) for _ in range(2)]
        for worker in pair:
            worker.begin()
        for worker in pair:
            worker.end()
    assert Counter(row for row, _ in sheet.effects) == {row.pk: 2 for row in rows}


def test_a_worker_that_wakes_up_late_writes_nothing(sheet: Sheet) -> None:
    row = make_result("waiting")
    with sheet.start("asleep") as late:
        late.begin().wait_until_it_sleeps()
        end_leases()
        assert sheet.work() == 0
        row.refresh_from_db()
        assert (row.status, row.token, row.brought) == ("done", 2, {"by": 2})
        assert late.wake().end() == 0
    before, row = row, ResultFile.objects.get(pk=row.pk)
    assert (row.status, row.token, row.brought, row.finished_at) == ("done", 2, {"by": 2}, before.finished_at)


def test_a_row_that_kills_its_workers_ends_up_alone_and_then_dead(sheet: Sheet) -> None:
    killer, *others = [make_result("waiting") for _ in range(5)]
    endings: list[int] = []
    while not endings or endings[-1] == KILLED:
        end_leases()
        endings.append(sheet.work("claimed", killer.pk))
        assert len(endings) < 10
    assert endings == [KILLED] * 3 + [0]
    assert standing(killer) == [("dead", 3, "Every worker that took it crashed.")]
    assert {status for status, _, _ in standing(*others)} == {"done"}
    assert killer.pk not in dict(sheet.effects)
