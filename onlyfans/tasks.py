"""Celery's doors to result files: the bell and the sweep are one, and the queue is asked by and by."""

from celery import shared_task
from django.conf import settings

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
