"""Reads of the ledger."""

from jobs.selectors.failures import (
    count_failed_left,
    list_failed_items,
    list_failed_left,
    list_failed_runs,
    list_left,
    list_troubled_runs,
)
from jobs.selectors.ledger import (
    Waiting,
    count_failures_by_step,
    count_items,
    get_next_due,
    get_tick_age,
    is_holding,
    list_known_jobs,
    list_last_runs,
    list_lineage,
    list_recent_runs,
    list_runs_of_day,
    list_runs_to_ring,
    list_waiting,
)

__all__ = [
    "Waiting",
    "count_failed_left",
    "count_failures_by_step",
    "count_items",
    "get_next_due",
    "get_tick_age",
    "is_holding",
    "list_failed_items",
    "list_failed_left",
    "list_failed_runs",
    "list_known_jobs",
    "list_last_runs",
    "list_left",
    "list_lineage",
    "list_recent_runs",
    "list_runs_of_day",
    "list_runs_to_ring",
    "list_troubled_runs",
    "list_waiting",
]
