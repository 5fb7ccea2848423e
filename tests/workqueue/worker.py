"""A process that works a queue off: `python -m tests.workqueue.worker SHEET POINT [ID]`, as `DyingQueue` says."""

import sys
from pathlib import Path

import django


def main(sheet: Path, point: str, victim: int | None) -> None:
    """Work until nothing is due."""
    django.setup()
    from tests.workqueue.dying import CarelessQueue, DyingQueue

    queue = (CarelessQueue if point == "careless" else DyingQueue)(sheet, point, victim)
    print("ready", flush=True)
    sys.stdin.readline()
    queue.work()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
