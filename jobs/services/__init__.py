"""Writing the ledger: starting, expanding, ending, cancelling and rerunning runs; schedules; monitors."""

from jobs.services.runs import (
    cancel_run,
    expand_run,
    finish_run,
    note_tick,
    put_back_left_items,
    release_items,
    stop_run,
)
from jobs.services.starting import (
    RING_TASK,
    WORK_TASK,
    InvalidParams,
    announce_together,
    read_params,
    rerun,
    ring,
    start,
)

__all__ = [
    "RING_TASK",
    "WORK_TASK",
    "InvalidParams",
    "announce_together",
    "cancel_run",
    "expand_run",
    "finish_run",
    "note_tick",
    "put_back_left_items",
    "read_params",
    "release_items",
    "rerun",
    "ring",
    "start",
    "stop_run",
]
