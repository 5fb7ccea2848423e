"""Celery's doors: a bell, a sweep that rings where a bell was lost, the schedule's start, and the tick."""

import logging

from celery import shared_task
from django.conf import settings

import alerts.services
from common.clock import now
from jobs.engine import work
from jobs.models import JobRun
from jobs.selectors import list_runs_to_ring
from jobs.services import RING_TASK, WORK_TASK, note_tick, put_back_left_items, ring
from jobs.services.monitoring import refresh_monitors
from jobs.services.scheduling import ring_schedule, start_due_slots

logger = logging.getLogger(__name__)
# A task lasts minutes, not hours: the broker hands out again what is not acknowledged for too long.
_LONGEST_TURN_SECONDS = 240
_BELL_SECONDS = 60


@shared_task(name=WORK_TASK)
def work_on_run(run_id: int) -> None:
    """Look at a run and work on it for a while; ring again where more is left."""
    if not work(run_id, seconds=_LONGEST_TURN_SECONDS):
        run = JobRun.objects.get(pk=run_id)
        if run.has_work_now:
            ring(run)


@shared_task(name=RING_TASK)
def ring_for_runs(run_ids: list[int]) -> None:
    """Ring for each of several runs that were started within moments."""
    for run in JobRun.objects.filter(pk__in=run_ids, status__in=JobRun.ACTIVE).order_by("pk"):
        ring(run)


@shared_task(name="jobs.sweep")
def sweep() -> None:
    """Ring for every active run that has something to do now: lost bells, dead workers, retries that fell due."""
    note_tick("sweep")
    put_back_left_items()
    for run in list_runs_to_ring():
        if run.declaration is None:
            logger.warning("Nobody declares the job of run %s (%s) any more: cancel it", run.pk, run.job)
        elif run.has_work_now:
            # The next sweep rings again: while all workers are busy, bells must not pile up in front of other runs.
            ring(run, times=settings.JOBS_WORKERS_PER_RUN, expires=_BELL_SECONDS)


@shared_task(name="jobs.start_job")
def start_job(job: str, schedule: str = "") -> None:
    """Start what is due by a schedule of a job, the one of its own name unless told."""
    ring_schedule(schedule or job, now())


@shared_task(name="jobs.tick")
def tick() -> None:
    """Start what is due, caught up where the scheduler was down, and look after the monitors; two at once are harmless.

    Monitors and alerts come first: what was missed is noticed and told before it is caught up.
    """
    moment = now()
    refresh_monitors(moment)
    try:
        alerts.services.tick()
    finally:
        start_due_slots(moment)
    note_tick("tick")
