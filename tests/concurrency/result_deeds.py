"""What the driver's children do with result files."""

from typing import Any


def take_results(spec: dict[str, Any]) -> int:
    """Take in what lies in a queue, as the poller does; tell how many messages that were."""
    from django.conf import settings

    from onlyfans.services.results.consuming import poll_queue

    settings.RESULTS_QUEUE_URL, settings.RESULTS_QUEUE_SECONDS = spec["queue"], 1
    return poll_queue()


def work_through_results(spec: dict[str, Any]) -> int:
    """Read these `files` once, or all until none waits; tell how many ended."""
    from onlyfans.models import ResultFile
    from onlyfans.services.results import process_files

    if "files" in spec:
        return process_files(spec["files"])
    ended = 0
    while ResultFile.objects.filter(status__in=ResultFile.UNENDED).exists():
        ended += process_files()
    return ended
