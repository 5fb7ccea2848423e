"""The figures that Prometheus collects, read from the database and the broker when it asks: all processes agree."""

from huntaze.metrics.rendering import render

__all__ = ["render"]
