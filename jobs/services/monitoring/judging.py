"""How a job stands, told from its schedules and its newest runs. Pure: nothing here reads a clock or writes."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from common.clock import iso
from jobs.models import JobMonitor, JobRun, JobSchedule
from jobs.models.timetables import list_last_slots
from jobs.services.monitoring.completeness import Gap, is_whole

# Ringing, and a worker's picking up, take a moment that is nobody's fault.
LATE_AFTER = dt.timedelta(minutes=1)
CLOCKS_DIFFER_BY = dt.timedelta(seconds=5)
_MOST_COUNTED = 100
_WELL = {JobRun.Status.SUCCEEDED, JobRun.Status.NOTHING_TO_DO}
_BADLY = {JobRun.Status.FAILED, JobRun.Status.PARTIAL}
# The gravest first: that one is the monitor's state.
_STATES = {
    "hanging": JobMonitor.State.HANGING,
    "missed": JobMonitor.State.MISSED,
    "failing": JobMonitor.State.FAILING,
    "incomplete": JobMonitor.State.FAILING,
    "late": JobMonitor.State.LATE,
}


@dataclass(frozen=True)
class Facts:
    """What a verdict rests on: the newest runs first, those under way, and what the last full run left out.

    `left` names the runs of which something failed and is left: no later rerun ended it.
    """

    schedules: Sequence[JobSchedule] = ()
    newest: Sequence[JobRun] = ()
    active: Sequence[JobRun] = ()
    gap: Gap | None = None
    left: Collection[int] = ()


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong: since when, what, with which run, how often."""

    since: dt.datetime
    detail: str
    run: int | None = None
    count: int = 1

    def as_json(self) -> dict[str, Any]:
        """Write it down for the monitor's row."""
        return {"since": iso(self.since), "detail": self.detail, "run": self.run, "count": self.count}


@dataclass
class Verdict:
    """How a job stands, and when that can change without anything happening."""

    state: str
    troubles: dict[str, Trouble] = field(default_factory=dict)
    met_at: dt.datetime | None = None
    check_at: dt.datetime | None = None

    @property
    def gravest(self) -> Trouble | None:
        """What the state stands for; None where nothing is wrong."""
        return next((self.troubles[kind] for kind in _STATES if kind in self.troubles), None)


def judge(monitor: JobMonitor, facts: Facts, moment: dt.datetime) -> Verdict:
    """Tell how a job stands at an instant."""
    met_at = max(filter(None, [monitor.met_at, *(run.created_at for run in facts.newest if _meets(run))]), default=None)
    if monitor.is_paused:
        return Verdict(JobMonitor.State.PAUSED, {}, met_at, monitor.paused_until)
    troubles: dict[str, Trouble] = {}
    looks = [
        *_judge_due(monitor, facts, met_at, moment, troubles),
        *_judge_active(monitor, facts, moment, troubles),
    ]
    _judge_ended(monitor, facts, troubles)
    if facts.gap is not None:
        troubles["incomplete"] = Trouble(facts.gap.since, facts.gap.detail, facts.gap.run_id, facts.gap.missing)
    kind = next((kind for kind in _STATES if kind in troubles), None)
    is_new = met_at is None and not facts.newest
    state = _STATES[kind] if kind else JobMonitor.State.NEW if is_new else JobMonitor.State.HEALTHY
    return Verdict(state, troubles, met_at, min((at for at in looks if at > moment), default=None))


def _meets(run: JobRun) -> bool:
    """Return whether a run that has begun is the job's own, not a part of it that somebody asked for."""
    return run.started_at is not None and _covers(run)


def _judge_due(
    monitor: JobMonitor,
    facts: Facts,
    met_at: dt.datetime | None,
    moment: dt.datetime,
    troubles: dict[str, Trouble],
) -> list[dt.datetime]:
    """Judge whether runs began as they fell due; return when to look again."""
    base = max(monitor.counts_from, met_at + CLOCKS_DIFFER_BY) if met_at else monitor.counts_from
    unmet: list[dt.datetime] = []
    looks = []
    for schedule in facts.schedules:
        since = max(base, schedule.counts_from)
        due = schedule.next_slot(since)
        if due is not None and due <= moment:
            unmet += list_last_slots(schedule.task, since, moment, _MOST_COUNTED)
            looks += [due + LATE_AFTER, due + _grace(monitor)]
        if (upcoming := schedule.next_slot(moment)) is not None:
            looks.append(upcoming + LATE_AFTER)
        unmet += [due] if due is not None and due <= moment else []
    slots = sorted(set(unmet))
    if slots and moment >= slots[0] + LATE_AFTER:
        kind = "missed" if moment >= slots[0] + _grace(monitor) else "late"
        waiting = next((run for run in reversed(facts.active) if run.started_at is None), None)
        troubles[kind] = _describe_due(slots, waiting, facts)
    return looks


def _grace(monitor: JobMonitor) -> dt.timedelta:
    return max(dt.timedelta(seconds=monitor.grace_seconds), LATE_AFTER)


def _describe_due(slots: list[dt.datetime], waiting: JobRun | None, facts: Facts) -> Trouble:
    detail = f"Due {slots[0]:%Y-%m-%d %H:%M} UTC"
    if len(slots) > 1:
        more = " or more" if len(slots) > _MOST_COUNTED else ""
        detail += f", and {len(slots) - 1}{more} times since"
    problem = next((schedule.problem for schedule in facts.schedules if schedule.problem), "")
    if waiting is not None:
        return Trouble(
            slots[0],
            f"{detail}: no worker has picked up the run created at {waiting.created_at:%Y-%m-%d %H:%M} UTC.",
            waiting.pk,
            len(slots),
        )
    return Trouble(slots[0], f"{detail}: no run has started. {problem}".strip(), None, len(slots))


def _judge_active(
    monitor: JobMonitor, facts: Facts, moment: dt.datetime, troubles: dict[str, Trouble]
) -> list[dt.datetime]:
    """Judge whether runs under way take too long; return when they would."""
    longest = dt.timedelta(seconds=monitor.longest_run_seconds)
    ends = sorted(((run.started_at or run.created_at) + longest, run.pk) for run in facts.active)
    over = [(at, pk) for at, pk in ends if at <= moment]
    if over:
        at, pk = over[0]
        run = next(run for run in facts.active if run.pk == pk)
        what = "Running" if run.started_at else "Queued"
        detail = f"{what} since {at - longest:%Y-%m-%d %H:%M} UTC; it should have ended by {at:%Y-%m-%d %H:%M} UTC."
        troubles["hanging"] = Trouble(at, detail, pk, len(over))
    return [at for at, _ in ends]


def _judge_ended(monitor: JobMonitor, facts: Facts, troubles: dict[str, Trouble]) -> None:
    """Judge whether runs fail: enough of them in a row begin it, enough that go well in a row end it."""
    ended = [run for run in facts.newest if run.status in _BADLY or (run.status in _WELL and _tells(run, facts))]
    failed = list(takewhile(lambda run: run.status in _BADLY, ended))
    went_well = len(list(takewhile(lambda run: run.status in _WELL, ended)))
    was_failing = monitor.trouble("failing")
    if len(failed) >= monitor.failures_before_alert:
        # Those before the window of runs that are looked at are remembered.
        since = failed[-1].finished_at or failed[-1].created_at
        if was_failing:
            since = min(since, dt.datetime.fromisoformat(was_failing["since"]))
        troubles["failing"] = Trouble(since, _describe_failures(failed), failed[0].pk, len(failed))
    elif was_failing and went_well < monitor.successes_before_recovery:
        since = dt.datetime.fromisoformat(was_failing["since"])
        troubles["failing"] = Trouble(since, was_failing["detail"], was_failing["run"], was_failing["count"])


def _tells(run: JobRun, facts: Facts) -> bool:
    """Return whether that a run went well says anything.

    A part does not while the last whole run stands as failed, nor a rerun while anything is left of what failed before.
    """
    if run.mode and _leaves_failures(run, facts):
        return False
    if _is_of_whole(run, facts):
        return True
    ended = (other for other in facts.newest if other.status in _WELL | _BADLY)
    last = next((other for other in ended if _is_of_whole(other, facts)), None)
    return last is None or last.status in _WELL


def _leaves_failures(rerun: JobRun, facts: Facts) -> bool:
    """Return whether anything is left of what failed before a rerun and since the last whole run that went well."""
    before = facts.newest[facts.newest.index(rerun) + 1 :]
    since = takewhile(lambda run: run.mode or run.status not in _WELL or not _covers(run), before)
    return rerun.parent_id in facts.left or any(run.pk in facts.left for run in since)


def _is_of_whole(run: JobRun, facts: Facts) -> bool:
    """Return whether a run is the job's own or does one of those again, as one is taken to whose first is long ago."""
    known = {other.pk: other for other in facts.newest}
    while run.mode and run.parent_id in known:
        run = known[run.parent_id]
    return bool(run.mode) or _covers(run)


def _covers(run: JobRun) -> bool:
    return run.trigger == JobRun.Trigger.SCHEDULE or is_whole(run)


def _describe_failures(failed: Sequence[JobRun]) -> str:
    last = failed[0]
    what = last.error or f"{last.failed:,} of {last.expected:,} items failed."
    if len(failed) == 1:
        how = "failed" if last.status == JobRun.Status.FAILED else "failed in part"
        return f"The run of {last.created_at:%Y-%m-%d %H:%M} UTC {how}: {what}"
    return f"The last {len(failed)} runs failed. The one of {last.created_at:%Y-%m-%d %H:%M} UTC: {what}"
