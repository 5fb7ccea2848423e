"""Workers killed anywhere while snapshots are taken: one a creator, provider and slot, with the right changes."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.functions import Now

from analytics.models import SLOT, CreatorDay, MetricDay, ProviderSnapshot, StaleDay, slot_of
from common.clock import Month, now
from jobs import registry
from jobs.models import JobItem, JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from jobs.tasks import sweep
from onlyfans.models import CreatorAccount, CreatorFigures
from tests.concurrency import snapshot_deeds
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.factories.billing import earn, make_creator, make_organization

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PROVIDERS = {"onlyfans": 1, snapshot_deeds.OTHER: 2}
_BEFORE, _NOW, _AFTER, _EARNED = 100, 130, 175, 5_000


@pytest.fixture
def careless_snapshots() -> Iterator[str]:
    """The name of a job that is declared for this test only."""
    before = dict(registry._JOBS)
    snapshot_deeds.declare_careless()
    yield snapshot_deeds.CARELESS
    registry._JOBS.clear()
    registry._JOBS.update(before)


class Slots:
    """Creators with a snapshot before a slot and, unless told, one after it, which the missing one in between corrects.

    Each worker that is killed has a run and a creator of its own, who came since the run before.
    """

    def __init__(self, fleet: Fleet, job: str = "analytics-snapshots", *, are_followed: bool = True) -> None:
        self._fleet, self._job, self._are_followed = fleet, get_job(job), are_followed
        self._organization = make_organization()
        self.slot = slot_of(now()) - SLOT
        self.creators: list[CreatorAccount] = []
        self.runs: list[JobRun] = []

    def begin(self) -> JobRun:
        creator = make_creator(self._organization)
        earn(creator, Month.of(self.slot), _EARNED)
        seen = {"kind": "fans", "value": _NOW, "observed_at": self.slot, "source": "s3://results/jobs/1/result.json"}
        CreatorFigures.objects.create(user_id=creator.onlyfans_user_id, metric="fans", **seen)
        for provider, times in PROVIDERS.items():
            self._keep(creator, provider, self.slot - SLOT, _BEFORE * times, {})
            if self._are_followed:
                self._keep(creator, provider, self.slot + SLOT, _AFTER * times, {"fans": (_AFTER - _BEFORE) * times})
        self.creators.append(creator)
        run, is_new = start(self._job, read_params(self._job, {"slot": self.slot}), JobRun.Trigger.COMMAND)
        assert is_new
        self.runs.append(run)
        return run

    def _keep(
        self, creator: CreatorAccount, provider: str, slot_at: dt.datetime, fans: int, deltas: dict[str, int]
    ) -> None:
        ProviderSnapshot.objects.create(
            provider=provider,
            creator=creator.onlyfans_user_id,
            organization=self._organization,
            slot_at=slot_at,
            read_at=slot_at,
            metrics={"fans": fans},
            deltas=deltas,
        )

    def work(self, *runs: JobRun, **spec: Any) -> dict[str, Any]:
        """Let a worker bring runs to their end, or be killed."""
        (end,) = self._fleet.work({"runs": [run.pk for run in runs], "ports": self._fleet.ports, **spec, **ONE_THREAD})
        assert end["killed"] == ("kill_at" in spec), end
        return end

    def heal(self, run: JobRun) -> None:
        """Let the dead worker's lease end, and do as the sweep would have it done; then add up what is to be shown."""
        JobItem.objects.filter(run=run, status=JobItem.Status.RUNNING).update(lease_expires_at=Now())
        sweep()
        run.refresh_from_db()
        assert run.has_work_now or not run.is_active
        self.work(run)
        self.work(*JobRun.objects.filter(job="analytics-rollups", status__in=JobRun.ACTIVE))

    def find_faults(self) -> list[str]:
        """Say what is not as it is where nobody is killed."""
        faults = [f"the run {run} {run.status}" for run in self._list_ended() if run.status != "succeeded"]
        roll_ups = JobRun.objects.filter(job="analytics-rollups").values_list("parent", flat=True)
        if sorted(filter(None, roll_ups)) != sorted(run.pk for run in self.runs):
            faults.append(f"roll-ups followed {list(roll_ups)}")
        for provider, times in PROVIDERS.items():
            faults += [fault for one in self.creators for fault in self._judge(one, provider, times)]
            faults += self._judge_days(provider, times)
        return faults + [f"{day} was not added up" for day in StaleDay.objects.all()]

    def _list_ended(self) -> list[JobRun]:
        return list(JobRun.objects.exclude(job="analytics-rollups").order_by("pk"))

    def _judge(self, creator: CreatorAccount, provider: str, times: int) -> Iterator[str]:
        earned = {"earned_gross_cents": _EARNED, "earned_net_cents": _EARNED} if provider == "onlyfans" else {}
        right = [
            (self.slot - SLOT, {"fans": _BEFORE * times}, {}),
            (self.slot, {"fans": _NOW * times, **earned}, {"fans": (_NOW - _BEFORE) * times}),
            (self.slot + SLOT, {"fans": _AFTER * times}, {"fans": (_AFTER - _NOW) * times}),
        ]
        rows = ProviderSnapshot.objects.filter(provider=provider, creator=creator.onlyfans_user_id)
        right = right if self._are_followed else right[:2]
        found = list(rows.order_by("slot_at").values_list("slot_at", "metrics", "deltas"))
        if found != right:
            yield f"{creator.onlyfans_user_id} at {provider} has {found}"
        changes = dict.fromkeys(self._days, 0)
        for slot_at, _, deltas in right:
            if slot_at.date() in changes:
                changes[slot_at.date()] += deltas.get("fans", 0)
        days = CreatorDay.objects.filter(provider=provider, creator=creator.onlyfans_user_id, day__in=self._days)
        if {day.day: day.change["fans"] for day in days} != changes:
            yield f"the days of {creator.onlyfans_user_id} at {provider} are {list(days.values())}"

    def _judge_days(self, provider: str, times: int) -> Iterator[str]:
        closing = dict.fromkeys(self._days, _NOW)
        if self._are_followed:
            closing[max(closing)] = _AFTER
        right = {day: (fans * times * len(self.creators), len(self.creators)) for day, fans in closing.items()}
        rows = MetricDay.objects.filter(provider=provider, metric="fans", is_total=True, day__in=self._days)
        if (found := {row.day: (row.closing, row.creators) for row in rows}) != right:
            yield f"{provider} sums up to {found} instead of {right}"

    @property
    def _days(self) -> set[dt.date]:
        return {self.slot.date()} | ({(self.slot + SLOT).date()} if self._are_followed else set())


def test_a_worker_killed_at_any_effect(fleet: Fleet) -> None:
    slots = Slots(fleet)
    watched = slots.begin()
    effects: list[str] = slots.work(watched)["effects"]
    slots.heal(watched)
    assert slots.find_faults() == []
    wanted = {"INSERT analytics_providersnapshot", "UPDATE analytics_providersnapshot", "INSERT analytics_staleday"}
    assert wanted | {"call jobs_place_run"} <= set(effects), effects
    for place in range(1, len(effects) + 1):
        run = slots.begin()
        slots.work(run, kill_at=place)
        slots.heal(run)
    print(f"{len(effects)} effects: {effects}")
    assert slots.find_faults() == []


def test_careless_snapshots_would_be_found_out(fleet: Fleet, careless_snapshots: str) -> None:
    """Undisturbed they pass for right; killed between a snapshot and the mark of its day, nobody adds that up."""
    slots = Slots(fleet, careless_snapshots, are_followed=False)
    watched = slots.begin()
    effects: list[str] = slots.work(watched)["effects"]
    slots.heal(watched)
    assert slots.find_faults() == []
    run = slots.begin()
    # OnlyFans comes last, and its mark after its snapshot.
    mark = len(effects) - effects[::-1].index("INSERT analytics_staleday")
    slots.work(run, kill_at=mark - 1)
    slots.heal(run)
    (days, sums) = slots.find_faults()
    assert days.startswith(f"the days of {slots.creators[-1].onlyfans_user_id} at onlyfans are")
    assert sums.startswith("onlyfans sums up to")
