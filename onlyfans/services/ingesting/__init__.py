"""Earnings, taken in: every version is kept, and the one that stands is projected."""

from onlyfans.services.ingesting.attaching import ATTACH_TASK, attach_unmatched
from onlyfans.services.ingesting.correcting import correct_category, find_other_currency, lock_creator
from onlyfans.services.ingesting.dismissing import restore_unmatched
from onlyfans.services.ingesting.rows import IncomingAggregate, Outcome, read_sequencer
from onlyfans.services.ingesting.writing import ingest_aggregates, ingest_call

__all__ = [
    "ATTACH_TASK",
    "IncomingAggregate",
    "Outcome",
    "attach_unmatched",
    "correct_category",
    "find_other_currency",
    "ingest_aggregates",
    "ingest_call",
    "lock_creator",
    "read_sequencer",
    "restore_unmatched",
]
