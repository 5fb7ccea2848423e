"""The doorbell of result files."""

from jobs.services.bells import Bell

PROCESS_TASK = "onlyfans.process_results"
POLL_TASK = "onlyfans.poll_results"
QUEUE = "enrichment"
_bell = Bell(PROCESS_TASK, QUEUE)


def ring() -> None:
    """Tell the workers to look at the files; a lost bell costs nothing but time, for a sweep follows."""
    _bell.ring()
