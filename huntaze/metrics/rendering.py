"""One answer to Prometheus: each part read in bounded time, and said to be missing where it could not be."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from huntaze.metrics import sources
from huntaze.metrics.families import PART_OK, PART_SECONDS

logger = logging.getLogger(__name__)
_MILLISECONDS = 700

PARTS: dict[str, Callable[[], Iterable[Metric]]] = {
    "runs": sources.read_runs,
    "monitors": sources.read_monitors,
    "items": sources.read_items,
    "errors": sources.read_errors,
    "queues": sources.read_queues,
    "invoices": sources.read_invoices,
    "incidents": sources.read_incidents,
}


class _Scrape(Collector):
    def collect(self) -> Iterator[Metric]:
        fine, seconds = [], []
        for name, read in PARTS.items():
            began = time.monotonic()
            families = _try(name, read)
            yield from families or ()
            fine.append(([name], float(families is not None)))
            seconds.append(([name], time.monotonic() - began))
        yield PART_OK(fine)
        yield PART_SECONDS(seconds)


def render() -> bytes:
    """Write all figures as they stand now, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape())
    return generate_latest(registry)


def _try(name: str, read: Callable[[], Iterable[Metric]]) -> list[Metric] | None:
    try:
        with _bounded():
            return list(read())
    except Exception as error:
        logger.warning("The figures of %s could not be read (%s)", name, type(error).__name__)
        return None


@contextmanager
def _bounded() -> Iterator[None]:
    """Give the database that long for each query, and no longer."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(_MILLISECONDS)])
        yield
