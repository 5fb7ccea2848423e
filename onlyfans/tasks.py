"""Celery's doors to what comes in: the bell and the sweep of result files are one; the rest is looked at by and by."""

from celery import shared_task
from django.conf import settings

from common.clock import now
from onlyfans.services.ingesting import ATTACH_TASK, attach_unmatched
from onlyfans.services.results import POLL_TASK, PROCESS_TASK, process_files
from onlyfans.services.results.consuming import poll_queue


@shared_task(name=PROCESS_TASK)
def process_results() -> None:
    """Work through the result files that are due, for a while."""
    process_files()


@shared_task(name=POLL_TASK)
def poll_results() -> None:
    """Take in what S3's queue holds, where there is one."""
    if settings.RESULTS_QUEUE_URL:
        poll_queue()


@shared_task(name=ATTACH_TASK)
def attach_earnings() -> None:
    """Take in the earnings whose creator is there by now."""
    attach_unmatched(now())
