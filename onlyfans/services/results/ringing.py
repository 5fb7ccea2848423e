"""The doorbell of result files."""

from workqueue.services.bells import Bell

PROCESS_TASK = "onlyfans.process_results"
POLL_TASK = "onlyfans.poll_results"
QUEUE = "enrichment"
BELL = Bell(PROCESS_TASK, QUEUE)


def ring() -> None:
    """Tell the workers to look at the files."""
    BELL.ring()
