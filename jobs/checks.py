"""What can be wrong with jobs, read from how their monitors stand."""

import datetime as dt
from collections.abc import Iterable, Iterator

from django.urls import reverse

from alerts.registry import Finding, condition
from jobs.models import JobMonitor


@condition("job-late", title="A job is late", severity="info")
def find_late() -> Iterable[Finding]:
    """List the jobs that are due and have not begun, within their grace."""
    advice = "Nothing yet: it may still start. If it stays late, ask an engineer whether a worker is running."
    return _find("late", "is late", advice)


@condition("job-missed", title="A job was missed", severity="error")
def find_missed() -> Iterable[Finding]:
    """List the jobs that did not begin within their grace."""
    advice = (
        "Ask an engineer whether beat and a worker are running: missed runs are then caught up as the job's schedule "
        "says. To run it now, press “Run now…” on the schedule's page."
    )
    return _find("missed", "did not run", advice)


@condition("job-hanging", title="A job is hanging", severity="error")
def find_hanging() -> Iterable[Finding]:
    """List the jobs of which a run takes too long."""
    advice = (
        "Open the run: items that wait for another attempt say why. If none does, ask an engineer whether a worker is "
        "running. To stop it, press “Cancel”, then “Rerun missing”."
    )
    return _find("hanging", "is hanging", advice)


@condition("job-failing", title="A job is failing", severity="error")
def find_failing() -> Iterable[Finding]:
    """List the jobs whose last runs failed."""
    return _find("failing", "is failing", "Open the run, fix what its failed items name, then press “Rerun failed”.")


@condition("job-incomplete", title="A job is incomplete", severity="error")
def find_incomplete() -> Iterable[Finding]:
    """List the jobs whose last full run did not bring to an end what was expected."""
    return _find("incomplete", "is incomplete", "Open the run, see why it ended early, then press “Rerun missing”.")


def _find(kind: str, what: str, advice: str) -> Iterator[Finding]:
    for monitor in JobMonitor.objects.filter(troubles__has_key=kind):
        trouble = monitor.trouble(kind) or {}
        model, pk = ("jobrun", trouble["run"]) if trouble["run"] else ("jobmonitor", monitor.pk)
        yield Finding(
            scope=monitor.job,
            title=f"{monitor} {what}",
            detail=trouble["detail"],
            since=dt.datetime.fromisoformat(trouble["since"]),
            link=reverse(f"admin:jobs_{model}_change", args=[pk]),
            advice=advice,
            count=trouble["count"],
            permission=monitor.declaration.permission if monitor.declaration else "",
        )
