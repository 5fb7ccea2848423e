"""The doors for machines that bring earnings and results."""

from onlyfans.api.aggregates import AggregatesView
from onlyfans.api.results import ResultSchemaView, ResultsView

__all__ = ["AggregatesView", "ResultSchemaView", "ResultsView"]
