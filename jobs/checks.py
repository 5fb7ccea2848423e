"""What can be wrong with jobs, read from how their monitors stand."""

import datetime as dt
from collections.abc import Iterable, Iterator

from django.urls import reverse

from alerts.registry import Finding, condition
from jobs.models import JobMonitor


@condition("job-late", title="A job is late", severity="info")
def find_late() -> Iterable[Finding]:
    """List the jobs that are due and have not begun, within their grace."""
    return _find("late", "is late", "Wait for the grace to pass, or see that a worker runs: celery worker.")


@condition("job-missed", title="A job was missed", severity="error")
def find_missed() -> Iterable[Finding]:
    """List the jobs that did not begin within their grace."""
    advice = (
        "See that beat and a worker run; what was missed is then caught up as the job wants it. To do it now: "
        "“Run now…” on the schedule's page."
    )
    return _find("missed", "did not run", advice)


@condition("job-hanging", title="A job hangs", severity="error")
def find_hanging() -> Iterable[Finding]:
    """List the jobs of which a run takes too long."""
    advice = (
        "Open the run: items that wait for their next attempt say why. See that a worker runs; if it will not come "
        "to an end, “Cancel”, then “Rerun missing”."
    )
    return _find("hanging", "hangs", advice)


@condition("job-failing", title="A job fails", severity="error")
def find_failing() -> Iterable[Finding]:
    """List the jobs whose last runs failed."""
    return _find("failing", "fails", "Open the run, repair what its failed items say, then “Rerun failed”.")


@condition("job-incomplete", title="A job left something out", severity="error")
def find_incomplete() -> Iterable[Finding]:
    """List the jobs whose last full run did not bring to an end what was expected."""
    return _find("incomplete", "is incomplete", "Open the run, see why it ended early, then “Rerun missing”.")


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
