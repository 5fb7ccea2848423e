"""Looking at monitors when they are due, keeping how they stand, and pausing them."""

import datetime as dt
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.services.auditing import record_action
from jobs.models import JobMonitor, JobRun, JobSchedule, MonitorChange
from jobs.registry import list_jobs
from jobs.selectors import list_left
from jobs.services.monitoring.completeness import find_gap
from jobs.services.monitoring.judging import Facts, Verdict, judge

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)
# More than any number in a row that a monitor can ask for, so that runs still under way among them do no harm.
_LOOKED_BACK_AT = 60
_LONGEST_TEXT = 500


def sync_monitors(moment: dt.datetime) -> None:
    """Make a monitor for each declared job that has none; those of jobs that are gone stay, with their history."""
    known = set(JobMonitor.objects.values_list("job", flat=True))
    fresh = [job.name for job in list_jobs() if job.name not in known]
    JobMonitor.objects.bulk_create(
        (JobMonitor(job=name, state_since=moment, counts_from=moment, check_at=moment) for name in fresh),
        ignore_conflicts=True,
    )


def refresh_monitors(moment: dt.datetime) -> int:
    """Look at each monitor that is due, leaving out those that another tick has in hand; return how many."""
    due = JobMonitor.objects.filter(check_at__lte=moment).order_by("check_at").values_list("pk", flat=True)
    return sum(_refresh_safely(pk, moment) for pk in due)


def _refresh_safely(monitor_id: int, moment: dt.datetime) -> bool:
    try:
        return refresh_monitor(monitor_id, moment)
    except Exception:
        # The others must not wait for what is wrong with this one.
        logger.exception("Monitor %s could not be looked at", monitor_id)
        return False


def refresh_monitor(monitor_id: int, moment: dt.datetime) -> bool:
    """Look at one monitor if it is still due; return whether this call did."""
    with transaction.atomic():
        locked = JobMonitor.objects.select_for_update(skip_locked=True, of=("self",))
        monitor = locked.filter(pk=monitor_id, check_at__lte=moment).first()
        if monitor is None:
            return False
        if monitor.is_paused and monitor.paused_until and monitor.paused_until <= moment:
            # What fell due during the pause is not held against the job.
            _forget_pause(monitor, monitor.paused_until)
        _keep(monitor, judge(monitor, read_facts(monitor), moment), moment)
        return True


def read_facts(monitor: JobMonitor) -> Facts:
    """Read what a verdict rests on: a bounded number of rows, found by index."""
    runs = JobRun.objects.filter(job=monitor.job, dry_run=False).select_related("parent").defer("summary")
    newest = list(runs.order_by("-id")[:_LOOKED_BACK_AT])
    schedules = JobSchedule.objects.filter(job=monitor.job).select_related("task__crontab", "task__interval")
    return Facts(
        schedules=list(schedules) if monitor.declaration else [],
        newest=newest,
        active=list(runs.filter(status__in=JobRun.ACTIVE).order_by("-id")),
        gap=find_gap(monitor, newest),
        # Only a rerun asks for it.
        left=list_left({pk for run in newest for pk in (run.pk, run.parent_id) if pk}) if _has_rerun(newest) else (),
    )


def _has_rerun(runs: Iterable[JobRun]) -> bool:
    return any(run.mode for run in runs)


def _keep(monitor: JobMonitor, verdict: Verdict, moment: dt.datetime) -> None:
    before, gravest = monitor.state, verdict.gravest
    why = gravest.detail[:_LONGEST_TEXT] if gravest else monitor.paused_reason
    run_id = gravest.run if gravest else None
    if verdict.state != before:
        since = gravest.since if gravest else monitor.paused_at or moment
        monitor.state, monitor.state_since = verdict.state, since
        MonitorChange.objects.create(
            monitor=monitor, at=moment, since=since, before=before, after=verdict.state, why=why, run_id=run_id
        )
    monitor.why, monitor.run_id = why, run_id
    monitor.troubles = {kind: trouble.as_json() for kind, trouble in verdict.troubles.items()}
    monitor.met_at, monitor.check_at = verdict.met_at, verdict.check_at
    monitor.save()


def pause_monitor(
    monitor: JobMonitor, *, actor: "User | None", reason: str, until: dt.datetime | None, moment: dt.datetime
) -> None:
    """Let a monitor keep quiet, until an instant or until somebody resumes it."""
    with transaction.atomic():
        locked = JobMonitor.objects.select_for_update(of=("self",)).get(pk=monitor.pk)
        locked.paused_at, locked.paused_until = moment, until
        locked.paused_by, locked.paused_reason = actor, reason.strip()
        _keep(locked, judge(locked, Facts(), moment), moment)
        record_action("pause", locked, actor=actor, after={"paused_until": until}, reason=reason)


def resume_monitor(monitor: JobMonitor, *, actor: "User | None", moment: dt.datetime) -> None:
    """Let a monitor watch again from now on."""
    with transaction.atomic():
        locked = JobMonitor.objects.select_for_update(of=("self",)).get(pk=monitor.pk)
        before = {"paused_reason": locked.paused_reason, "paused_until": locked.paused_until}
        _forget_pause(locked, moment)
        record_action("resume", locked, actor=actor, before=before)
        _keep(locked, judge(locked, read_facts(locked), moment), moment)


def _forget_pause(monitor: JobMonitor, counts_from: dt.datetime) -> None:
    monitor.paused_at = monitor.paused_until = monitor.paused_by = None
    monitor.paused_reason, monitor.counts_from = "", counts_from
