"""The engine: claims items under a lease, works on them in batches, and writes down what became of each."""

from jobs.engine.worker import work

__all__ = ["work"]
