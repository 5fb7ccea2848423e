"""Workers killed anywhere in the reading of a creator's month: what was read is not read again, and counts once."""

import uuid
from itertools import batched
from typing import Any

import pytest

from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from onlyfans.models import CreatorAccount, EarningsAggregate, EarningsPull, EarningsTransaction
from tests.concurrency.fleet import Fleet
from tests.concurrency.world import Outside
from tests.factories.billing import AUGUST, make_creator, make_organization

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_PAGES, _AT_ONCE = 3, 10
_SETTINGS = {
    "settings": {
        "JOBS_THREADS": 1,
        "ONLYFANS_TRANSACTIONS_PATH": "/api/{account}/transactions",
        "ONLYFANS_PAGE_SIZE": 2,
    }
}
SOLD: list[dict[str, Any]] = [
    *({"type": "tip", "cents": 1_003, "day": day, "id": f"tr_{day:02}"} for day in range(1, 2 * _PAGES)),
    {"type": "chargeback", "cents": -1_003, "day": 20, "id": "tr_20", "reverses": "tr_03"},
]
EARNED = {"tips": (5_015, 4_010), "chargebacks": (-1_003, -802)}


class Pulls:
    """A creator and a run of its own for each worker that is killed."""

    def __init__(self, fleet: Fleet, outside: Outside) -> None:
        self._fleet, self._outside = fleet, outside
        self._organization = make_organization()

    def begin(self) -> tuple[CreatorAccount, JobRun]:
        account = f"of_{uuid.uuid4().hex[:12]}"
        creator = make_creator(self._organization, onlyfans_user_id=account, credentials={"token": "token-1"})
        self._outside.tell("PUT", f"/onlyfans/{account}/{AUGUST}/transactions", transactions=SOLD)
        job = get_job("pull-earnings")
        run, _ = start(job, read_params(job, {"month": AUGUST, "creators": [account]}), JobRun.Trigger.COMMAND)
        return creator, run

    def work(self, *runs: JobRun, **spec: Any) -> list[dict[str, Any]]:
        return self._fleet.work(*({"runs": [run.pk], **spec, **_SETTINGS} for run in runs))

    def list_pages(self, creator: CreatorAccount) -> list[str]:
        found = self._outside.control.get("/requests", params={"path": f"{creator.onlyfans_user_id}/transactions"})
        return [one["params"].get("marker", "") for one in found.json()["requests"] if one["status"] == 200]


def stored(creator: CreatorAccount) -> dict[str, tuple[int, int]]:
    rows = EarningsAggregate.objects.filter(creator=creator, month=AUGUST.first_day).exclude(gross_cents=0)
    return {row.category: (row.gross_cents, row.net_cents) for row in rows}


def test_a_worker_killed_at_any_effect(fleet: Fleet, outside: Outside) -> None:
    pulls = Pulls(fleet, outside)
    watched, run = pulls.begin()
    (end,) = pulls.work(run, ports=fleet.ports)
    effects: list[str] = end["effects"]
    assert stored(watched) == EARNED
    assert sum(effect.startswith("sent http GET") for effect in effects) == _PAGES + 1
    places = list(enumerate(effects, start=1))
    begun = [(effect, *pulls.begin()) for _, effect in places]
    specs = [
        {"runs": [run.pk], "ports": fleet.ports, "kill_at": place, **_SETTINGS}
        for (place, _), (_, _, run) in zip(places, begun, strict=True)
    ]
    for part in batched(specs, _AT_ONCE):
        assert all(end["killed"] for end in fleet.work(*part))
    fleet.work(*({"runs": [run.pk for _, _, run in begun[half::2]], **_SETTINGS} for half in (0, 1)))
    for effect, creator, run in begun:
        run.refresh_from_db()
        assert (effect, run.status, stored(creator)) == (effect, "succeeded", EARNED)
        assert EarningsTransaction.objects.filter(pull__creator=creator).count() == len(SOLD)
        asked = pulls.list_pages(creator)
        assert len(set(asked)) == _PAGES
        is_through = EarningsPull.objects.get(creator=creator).round > 1
        # Who is killed once all is stored reads anew; anybody else repeats no more than the page in hand.
        assert is_through or len(asked) <= _PAGES + 1, (effect, asked)


def test_nothing_but_the_row_lets_a_pull_go_on(fleet: Fleet, outside: Outside) -> None:
    """Without it, whoever comes after the dead reads every page again."""
    pulls = Pulls(fleet, outside)
    _, run = pulls.begin()
    (end,) = pulls.work(run, ports=fleet.ports)
    sent = [place for place, effect in enumerate(end["effects"], start=1) if effect.startswith("sent http GET")]
    creator, run = pulls.begin()
    assert pulls.work(run, ports=fleet.ports, kill_at=sent[_PAGES - 1])[0]["killed"]
    EarningsTransaction.objects.filter(pull__creator=creator).delete()
    EarningsPull.objects.filter(creator=creator).delete()
    pulls.work(run)
    assert len(pulls.list_pages(creator)) >= 2 * _PAGES - 1
    assert stored(creator) == EARNED
