"""Writing the ledger: starting, expanding, ending, cancelling and rerunning runs; schedules; monitors."""

from jobs.services.runs import (
    RING_TASK,
    WORK_TASK,
    InvalidParams,
    announce_together,
    cancel_run,
    expand_run,
    finish_run,
    note_tick,
    put_back_left_items,
    read_params,
    release_items,
    rerun,
    ring,
    start,
    stop_run,
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
