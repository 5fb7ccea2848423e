"""Where the figures come from: few queries, over runs and what is open, never over all items."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count
from prometheus_client.metrics_core import Metric

from alerts.models import Incident, Severity
from billing.models import Invoice
from billing.selectors.summaries import name_component
from huntaze.metrics import families as f
from huntaze.queues import list_queues
from jobs.models import JobMonitor, JobRun
from jobs.registry import list_jobs
from jobs.selectors import get_tick_age

Rows = list[tuple[Any, ...]]
_TAKES = "extract(epoch FROM finished_at - started_at)"
_ENDED = f"""
    SELECT job, status, count(*), sum(done), sum(skipped), sum(failed), coalesce(sum({_TAKES}), 0),
        {", ".join(f"count(*) FILTER (WHERE {_TAKES} <= {bound})" for bound in f.RUN_BUCKETS)}
    FROM jobs_jobrun WHERE NOT dry_run GROUP BY job, status
"""  # noqa: S608 - constants
_LAST = """
    SELECT job.name, extract(epoch FROM last.created_at), extract(epoch FROM well.finished_at)
    FROM unnest(%s::text[]) AS job(name)
    LEFT JOIN LATERAL (
        SELECT created_at FROM jobs_jobrun WHERE job = job.name AND NOT dry_run ORDER BY id DESC LIMIT 1
    ) last ON true
    LEFT JOIN LATERAL (
        SELECT finished_at FROM jobs_jobrun WHERE job = job.name AND NOT dry_run
        AND status IN ('succeeded', 'nothing_to_do') ORDER BY id DESC LIMIT 1
    ) well ON true
"""
_OPEN = """
    SELECT run.job, sum(run.expected - run.done - run.skipped - run.failed), sum(hand.count)
    FROM (SELECT * FROM jobs_jobrun WHERE status IN ('queued', 'running') AND NOT dry_run) run
    CROSS JOIN LATERAL (
        SELECT count(*) FROM jobs_jobitem WHERE run_id = run.id AND status = 'running'
    ) hand GROUP BY run.job
"""
_FAILED = """
    SELECT run.job, item.step, count(*) FROM jobs_jobrun run
    JOIN jobs_jobitem item ON item.run_id = run.id AND item.status = 'failed'
    WHERE run.failed > 0 AND NOT run.dry_run GROUP BY run.job, item.step
"""
# Of a job and a state without runs: how many, items by how they ended, seconds, and how many within each bound.
_NEVER = (0,) * (5 + len(f.RUN_BUCKETS))
_BILLING = ("monthly-billing", "deliver-invoices")


def _query(sql: str, *values: Any) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def read_runs() -> Iterator[Metric]:
    """Read the runs by job and state, how long they took, and when each job ran last; jobs that never ran, too."""
    rows = _query(_ENDED)
    known = {(row[0], row[1]): row for row in rows}
    jobs = sorted({row[0] for row in rows} | {job.name for job in list_jobs()})
    rows = [known.get((job, state), (job, state, *_NEVER)) for job in jobs for state in JobRun.Status.values]
    yield f.RUNS([((row[0], row[1]), row[2]) for row in rows if row[1] not in JobRun.ACTIVE])
    yield f.RUNS_ACTIVE([((row[0], row[1]), row[2]) for row in rows if row[1] in JobRun.ACTIVE])
    yield f.ITEMS(
        ((row[0], state), row[place])
        for row in _total(rows)
        for state, place in (("done", 3), ("skipped", 4), ("failed", 5))
    )
    ended = _total([row for row in rows if row[1] not in JobRun.ACTIVE])
    yield f.DURATION.histogram(((row[0],), (*row[7:], row[2]), float(row[6])) for row in ended)
    last = _query(_LAST, jobs)
    yield f.LAST_RUN([((job,), float(at or 0)) for job, at, _ in last])
    yield f.LAST_SUCCESS([((job,), float(at or 0)) for job, _, at in last])


def _total(rows: Rows) -> Rows:
    """Add the rows of each job up, whatever the state."""
    totals: dict[str, list[Any]] = {}
    for job, _, *figures in rows:
        before = totals.setdefault(job, [0] * len(figures))
        totals[job] = [old + new for old, new in zip(before, figures, strict=True)]
    return [(job, "", *figures) for job, figures in totals.items()]


def read_monitors() -> Iterator[Metric]:
    """Read how the monitor of each declared job stands."""
    kept = JobMonitor.objects.filter(job__in=[job.name for job in list_jobs()])
    found = list(kept.order_by("job").values_list("job", "state", "state_since"))
    states = JobMonitor.State.values
    yield f.MONITOR([((job, state), float(state == now)) for job, now, _ in found for state in states])
    yield f.MONITOR_SINCE([((job,), since.timestamp()) for job, _, since in found])


def read_items() -> Iterator[Metric]:
    """Read what is open of the active runs."""
    rows = [(job, int(left), int(hand)) for job, left, hand in _query(_OPEN)]
    waiting = [((job, "waiting"), max(left - hand, 0)) for job, left, hand in rows]
    yield f.ITEMS_OPEN([*waiting, *(((job, "running"), hand) for job, _, hand in rows)])


def read_errors() -> Iterator[Metric]:
    """Read what failed, by the component that did not do its work."""
    counts: dict[tuple[str, str], int] = {}
    for job, step, count in _query(_FAILED):
        component = name_component(step) if job in _BILLING else step or "none"
        counts[job, component] = counts.get((job, component), 0) + count
    yield f.ERRORS(counts.items())


def read_queues() -> Iterator[Metric]:
    """Read the queues and the scheduler's last tick."""
    queues = list_queues()
    depths = [(queue.name, queue.depth) for queue in queues if queue.depth]
    yield f.QUEUE_MESSAGES([((name,), depth.messages) for name, depth in depths])
    yield f.QUEUE_DEAD([((name,), depth.dead) for name, depth in depths if depth.dead is not None])
    yield f.QUEUE_WAITING([((queue.name,), queue.waiting) for queue in queues])
    yield f.QUEUE_AGE([((queue.name,), queue.oldest_seconds) for queue in queues])
    age = get_tick_age("sweep")
    yield f.TICK([] if age is None else [((), age)])


def read_invoices() -> Iterator[Metric]:
    """Read how many invoices stand where."""
    counts = Invoice.objects.order_by().values_list("status").annotate(Count("id"))
    found = dict.fromkeys(Invoice.Status.values, 0) | dict(counts)
    yield f.INVOICES([((status,), count) for status, count in found.items()])


def read_incidents() -> Iterator[Metric]:
    """Read the open incidents."""
    counts = Incident.objects.filter(resolved_at=None).order_by().values_list("severity").annotate(Count("id"))
    found = dict.fromkeys(Severity.values, 0) | dict(counts)
    yield f.INCIDENTS([((severity,), count) for severity, count in found.items()])
