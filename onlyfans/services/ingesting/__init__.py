"""Earnings, taken in: every version is kept, and the one that stands is projected."""

from onlyfans.services.ingesting.rows import MOST_CENTS, IncomingAggregate, Outcome, read_sequencer
from onlyfans.services.ingesting.writing import ingest_aggregates

__all__ = ["MOST_CENTS", "IncomingAggregate", "Outcome", "ingest_aggregates", "read_sequencer"]
