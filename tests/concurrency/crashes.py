"""Killing workers and letting others finish, many experiments at a time."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from django.db import connection

from jobs.models import JobItem, JobRun
from jobs.services import rerun
from jobs.tasks import sweep
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.concurrency.world import Look, Outside, World, find_faults_everywhere, make_world, start_billing

_AT_ONCE = 10


@dataclass
class Experiment:
    """One run of one world, and how its workers are to die."""

    world: World
    run: JobRun
    deaths: Sequence[dict[str, Any]]
    name: str


def list_effects(fleet: Fleet, outside: Outside, job: str = "monthly-billing") -> list[str]:
    """Name the effects of a worker that nothing befalls, in their order; it is watched once for all tests."""
    if job not in fleet.effects:
        world = make_world(outside)
        run = start_billing(world, job)
        (end,) = fleet.work({"runs": [run.pk], "ports": fleet.ports, **ONE_THREAD})
        assert [*Look(outside).find_faults(world), *find_faults_everywhere()] == []
        fleet.effects[job] = end["effects"]
    return fleet.effects[job]


Make = Callable[[str, Sequence[dict[str, Any]]], Experiment]


def try_all(
    fleet: Fleet,
    outside: Outside,
    make: Make,
    wanted: Iterable[tuple[str, Sequence[dict[str, Any]]]],
    *,
    times: int = 1,
    tamper: Callable[[], object] = lambda: None,
) -> dict[str, list[str]]:
    """Kill, wait until leases end, let others finish, rerun; return what is wrong afterwards, by experiment.

    Workers die `times` times before others finish; `tamper` is called in between.
    """
    faults: dict[str, list[str]] = {}
    for part in batched(wanted, _AT_ONCE):
        experiments = [make(name, deaths) for name, deaths in part]
        for _ in range(times):
            _kill(fleet, experiments)
            wait_for_leases([one.run for one in experiments])
        tamper()
        _heal(fleet, experiments)
        look = Look(outside)
        for experiment in experiments:
            faults[experiment.name] = [*look.find_faults(experiment.world), *_judge_run(experiment)]
        faults["everywhere"] = [*faults.get("everywhere", []), *find_faults_everywhere()]
    return {name: found for name, found in faults.items() if found}


def _kill(fleet: Fleet, experiments: Sequence[Experiment]) -> None:
    specs = [{"runs": [one.run.pk], **death} for one in experiments for death in one.deaths]
    for end in fleet.work(*specs):
        # A worker that loses its database ends with an error of its own.
        assert end["killed"] or "answer" in end or "error" in end, end


def _heal(fleet: Fleet, experiments: Sequence[Experiment]) -> None:
    """Do what the workers left as the sweep would have it done, and rerun everything afterwards."""
    runs = [one.run for one in experiments]
    sweep()
    for run in runs:
        run.refresh_from_db()
        # The sweep rings for whatever has not come to its end.
        assert run.has_work_now or not run.is_active
    fleet.heal([run.pk for run in runs])
    again = [
        rerun(_fresh(run), JobRun.Mode.ALL, trigger="command", actor=None, reason="After the crash")[0] for run in runs
    ]
    fleet.heal([run.pk for run in again])


def _fresh(run: JobRun) -> JobRun:
    run.refresh_from_db()
    return run


def wait_for_leases(runs: Sequence[JobRun]) -> None:
    """Wait until every lease of these runs has ended, by the database's clock."""
    held = JobItem.objects.filter(run__in=runs, status=JobItem.Status.RUNNING)
    last = held.order_by("-lease_expires_at").values_list("lease_expires_at", flat=True).first()
    if last is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM %s - clock_timestamp())", [last])
            time.sleep(max(0.0, float(cursor.fetchone()[0])) + 0.01)


def _judge_run(experiment: Experiment) -> Iterable[str]:
    run = _fresh(experiment.run)
    count = len(experiment.world.ids)
    if (run.status, run.expected, run.done, run.skipped, run.failed) != ("succeeded", count, count, 0, 0):
        errors = {item.key: f"{item.step}: {item.error}" for item in run.items.exclude(status="done")}
        yield f"the run {run.status}: {run.done} of {run.expected} done, {errors}"
    billed = run.summary.get("invoices"), run.summary.get("revenue_cents")
    if billed != (count, {"USD": sum(experiment.world.totals.values())}):
        yield f"its summary says {billed}"
    for again in run.reruns.all():
        if (again.status, again.done) != ("succeeded", count):
            yield f"the rerun {again.status}: {again.done} of {again.expected} done"
