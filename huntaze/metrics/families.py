"""Every metric that there is, with its labels: dashboards and alerts are written against these names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

# Seconds that a run takes: from a tidy-up to a large month.
RUN_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 14_400)

Sample = tuple[Sequence[str], float]


@dataclass(frozen=True)
class Family:
    """A metric's name, kind, labels and what it says."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    says: str

    def __call__(self, samples: Iterable[Sample]) -> Metric:
        """Fill a counter or a gauge."""
        family: CounterMetricFamily | GaugeMetricFamily
        if self.kind == "counter":
            family = CounterMetricFamily(self.name.removesuffix("_total"), self.says, labels=self.labels)
        else:
            family = GaugeMetricFamily(self.name, self.says, labels=self.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family

    def histogram(self, samples: Iterable[tuple[Sequence[str], Sequence[int], float]]) -> Metric:
        """Fill a histogram with label values, cumulative counts by `RUN_BUCKETS` and then of all, and the sum."""
        family = HistogramMetricFamily(self.name, self.says, labels=self.labels)
        for labels, counts, total in samples:
            bounds = [*(f"{bound:.1f}" for bound in RUN_BUCKETS), "+Inf"]
            family.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
        return family


RUNS = Family("huntaze_job_runs_total", "counter", ("job", "state"), "Runs that have ended, dry runs left out.")
RUNS_ACTIVE = Family("huntaze_job_runs_active", "gauge", ("job", "state"), "Runs that are queued or running.")
DURATION = Family("huntaze_job_run_duration_seconds", "histogram", ("job",), "How long ended runs took.")
LAST_RUN = Family(
    "huntaze_job_last_run_timestamp_seconds", "gauge", ("job",), "When the last run was started; 0 where none was."
)
LAST_SUCCESS = Family(
    "huntaze_job_last_success_timestamp_seconds",
    "gauge",
    ("job",),
    "When the last run that went well ended; 0 where none did.",
)
MONITOR = Family(
    "huntaze_job_monitor_state", "gauge", ("job", "state"), "1 for the state that a job's monitor is in, 0 for others."
)
MONITOR_SINCE = Family(
    "huntaze_job_monitor_state_since_timestamp_seconds",
    "gauge",
    ("job",),
    "Since when a job's monitor is in its state.",
)
ITEMS = Family("huntaze_job_items_total", "counter", ("job", "state"), "Items that have ended, dry runs left out.")
ITEMS_OPEN = Family("huntaze_job_items_open", "gauge", ("job", "state"), "Items of active runs: waiting or in hand.")
ERRORS = Family("huntaze_errors_total", "counter", ("job", "component"), "Items that failed, by what failed.")
QUEUE_MESSAGES = Family("huntaze_queue_messages", "gauge", ("queue",), "Messages that wait at the broker.")
QUEUE_DEAD = Family(
    "huntaze_queue_dead_letters", "gauge", ("queue",), "Messages in the dead letter queue, where there are such (SQS)."
)
QUEUE_WAITING = Family(
    "huntaze_queue_waiting",
    "gauge",
    ("queue",),
    "Runs with work, messages and Stripe events that nobody has taken yet.",
)
QUEUE_AGE = Family(
    "huntaze_queue_oldest_seconds", "gauge", ("queue",), "How long the oldest work of the queue has been waiting."
)
TICK = Family(
    "huntaze_scheduler_tick_age_seconds", "gauge", (), "Seconds since the scheduler's tick was last worked on."
)
INVOICES = Family("huntaze_invoices", "gauge", ("status",), "Invoices and credit notes by status.")
INCIDENTS = Family("huntaze_incidents_open", "gauge", ("severity",), "Incidents that are not resolved.")
PART_OK = Family("huntaze_scrape_ok", "gauge", ("part",), "1 where a part of these figures could be read, else 0.")
PART_SECONDS = Family("huntaze_scrape_seconds", "gauge", ("part",), "How long reading a part of these figures took.")

FAMILIES = tuple(value for value in list(globals().values()) if isinstance(value, Family))
