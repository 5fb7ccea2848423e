"""The figures for Prometheus: exact, from rows alone, whichever process answers."""

import datetime as dt

import pytest
import redis
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from alerts.models import Channel, Notification
from billing.models import StripeEvent
from huntaze import metrics
from huntaze.metrics.families import FAMILIES, RUN_BUCKETS
from jobs.models import JobMonitor, JobRun
from jobs.registry import list_jobs
from jobs.services import note_tick
from jobs.services.monitoring import sync_monitors
from tests.factories.invoices import make_held, make_invoice
from tests.factories.ledger import make_failed_run, make_item, make_run
from tests.server import spare_redis_url

pytestmark = pytest.mark.django_db
Figures = dict[tuple[str, ...], float]
TOKEN = "prometheus-token-7d1f"


def scrape() -> dict[str, Figures]:
    """Read all figures as Prometheus does: name, then the values of the labels, which come sorted by their names."""
    found: dict[str, Figures] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def nonzero(figures: Figures) -> Figures:
    return {labels: value for labels, value in figures.items() if value}


def test_runs_and_items_by_job_and_state() -> None:
    make_failed_run(failed=2, done=1)
    make_run(status="succeeded", expected=5, done=3, skipped=2)
    make_run(status="succeeded", expected=7, done=7, dry_run=True)
    make_run("hourly-usage", status="queued")
    running = make_run("hourly-usage", status="running", expected=10, done=4, failed=1)
    make_item(running, "in hand", "running", lease_expires_at=timezone.now())
    figures = scrape()
    assert nonzero(figures["huntaze_job_runs_total"]) == {
        ("monthly-billing", "partial"): 1,
        ("monthly-billing", "succeeded"): 1,
    }
    active = nonzero(figures["huntaze_job_runs_active"])
    assert active == {("hourly-usage", "queued"): 1, ("hourly-usage", "running"): 1}
    assert nonzero(figures["huntaze_job_items_total"]) == {
        ("monthly-billing", "done"): 4,
        ("monthly-billing", "skipped"): 2,
        ("monthly-billing", "failed"): 2,
        ("hourly-usage", "done"): 4,
        ("hourly-usage", "failed"): 1,
    }
    assert figures["huntaze_job_items_open"] == {("hourly-usage", "waiting"): 4, ("hourly-usage", "running"): 1}


def test_how_long_runs_took_and_when_they_ran_last() -> None:
    began = dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC)
    for seconds, status in ((0.5, "succeeded"), (5, "succeeded"), (100, "failed"), (50_000, "cancelled")):
        ended = began + dt.timedelta(seconds=seconds)
        make_run(status=status, created_at=began, started_at=began, finished_at=ended)
    figures = scrape()
    buckets = figures["huntaze_job_run_duration_seconds_bucket"]
    assert [buckets["monthly-billing", f"{bound:.1f}"] for bound in RUN_BUCKETS] == [1, 2, 2, 2, 3, 3, 3, 3]
    assert buckets["monthly-billing", "+Inf"] == 4
    assert nonzero(figures["huntaze_job_run_duration_seconds_count"]) == {("monthly-billing",): 4}
    assert nonzero(figures["huntaze_job_run_duration_seconds_sum"]) == {("monthly-billing",): 50_105.5}
    assert nonzero(figures["huntaze_job_last_run_timestamp_seconds"]) == {("monthly-billing",): began.timestamp()}
    assert nonzero(figures["huntaze_job_last_success_timestamp_seconds"]) == {
        ("monthly-billing",): began.timestamp() + 5
    }


def test_jobs_that_never_ran_have_their_series() -> None:
    """What begins with the first run has no increase then: whoever waits for a failure would miss the first."""
    make_run(status="succeeded")
    figures, jobs = scrape(), {job.name for job in list_jobs()}
    ended = set(JobRun.Status.values) - set(JobRun.ACTIVE)
    assert set(figures["huntaze_job_runs_total"]) == {(job, state) for job in jobs for state in ended}
    assert set(figures["huntaze_job_runs_active"]) == {(job, state) for job in jobs for state in JobRun.ACTIVE}
    assert {job for job, _ in figures["huntaze_job_items_total"]} == jobs
    assert figures["huntaze_job_run_duration_seconds_bucket"]["hourly-usage", "+Inf"] == 0
    assert figures["huntaze_job_last_run_timestamp_seconds"]["hourly-usage",] == 0
    assert figures["huntaze_job_last_success_timestamp_seconds"]["hourly-usage",] == 0


def test_how_the_monitor_of_each_job_stands() -> None:
    sync_monitors(timezone.now())
    since = dt.datetime(2026, 11, 1, 2, tzinfo=dt.UTC)
    JobMonitor.objects.filter(job="monthly-billing").update(state="failing", state_since=since)
    JobMonitor.objects.create(job="gone", state="missed")
    figures, states = scrape(), JobMonitor.State.values
    found = figures["huntaze_job_monitor_state"]
    assert set(found) == {(job.name, state) for job in list_jobs() for state in states}
    assert {state: found["monthly-billing", state] for state in states} == {s: float(s == "failing") for s in states}
    assert nonzero(found).keys() >= {("hourly-usage", "new"), ("monthly-billing", "failing")}
    assert figures["huntaze_job_monitor_state_since_timestamp_seconds"]["monthly-billing",] == since.timestamp()


def test_errors_are_counted_by_component() -> None:
    run = make_failed_run(failed=2, done=1)
    make_item(run, "org_a", "failed", step="store")
    make_item(run, "org_b", "failed", step="email")
    usage = make_run("hourly-usage", failed=1, expected=1)
    make_item(usage, "hour", "failed", step="process")
    make_failed_run(failed=1, done=0, dry_run=True)
    assert scrape()["huntaze_errors_total"] == {
        ("generate", "monthly-billing"): 2,
        ("storage", "monthly-billing"): 1,
        ("email", "monthly-billing"): 1,
        ("process", "hourly-usage"): 1,
    }


def test_depth_and_age_of_each_queue(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = spare_redis_url()
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as server:
        server.flushdb()
        server.rpush("billing", "one", "two")
        long_ago = timezone.now() - dt.timedelta(hours=1)
        make_run(status="queued", created_at=long_ago)
        make_run(status="queued")
        figures = scrape()
        server.flushdb()
    assert figures["huntaze_queue_messages"]["billing",] == 2
    assert figures["huntaze_queue_messages"]["email",] == 0
    assert figures["huntaze_queue_waiting"]["billing",] == 2
    assert 3600 <= figures["huntaze_queue_oldest_seconds"]["billing",] < 3700
    assert figures["huntaze_queue_oldest_seconds"]["email",] == 0
    assert set(figures["huntaze_queue_messages"]) == {(name,) for name in settings.CELERY_TASK_QUEUE_NAMES}


def test_without_its_broker_the_rest_is_said(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    note_tick("sweep")
    figures = scrape()
    assert "huntaze_queue_messages" not in figures
    assert len(figures["huntaze_queue_oldest_seconds"]) == len(settings.CELERY_TASK_QUEUE_NAMES)
    assert 0 <= figures["huntaze_scheduler_tick_age_seconds"][()] < 60


def test_invoices_by_status() -> None:
    make_invoice()
    make_invoice()
    make_held()
    found = scrape()["huntaze_invoices"]
    assert {status: count for (status,), count in found.items() if count} == {"finalized": 2, "held": 1}


def test_a_part_that_can_not_be_read_is_said_and_not_waited_for() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_invoice RENAME TO billing_invoice_elsewhere")
    figures = scrape()
    parts = {part: ok for (part,), ok in figures["huntaze_scrape_ok"].items()}
    assert parts == {"runs": 1, "monitors": 1, "items": 1, "errors": 1, "queues": 1, "invoices": 0, "incidents": 1}
    assert "huntaze_invoices" not in figures


def test_every_query_is_bounded() -> None:
    with CaptureQueriesContext(connection) as queries:
        scrape()
    bounds = [query["sql"] for query in queries if "statement_timeout" in query["sql"]]
    assert len(bounds) == 7


def test_whoever_knows_the_token_gets_them(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    make_run(status="succeeded")
    response = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    assert 'huntaze_job_runs_total{job="monthly-billing",state="succeeded"} 1.0' in response.content.decode()


def test_names_are_as_prometheus_wants_them() -> None:
    for family in FAMILIES:
        assert family.name.startswith("huntaze_")
        assert family.name.endswith("_total") == (family.kind == "counter")
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_messages_and_stripe_events_wait_in_queues_too() -> None:
    ago = timezone.now() - dt.timedelta(minutes=30)
    channel = Channel.objects.create(name="Finance", kind="email", config={"to": ["finance@example.test"]})
    asleep = Channel.objects.create(name="Old", kind="email", config={}, is_enabled=False)
    for where, not_before in ((channel, ago), (asleep, ago), (channel, timezone.now() + dt.timedelta(hours=1))):
        Notification.objects.create(channel=where, what="event", not_before=not_before)
    event = {"type": "invoice.paid", "created_at": ago, "received_at": ago, "source": "webhook", "body": {}}
    StripeEvent.objects.create(event_id="evt_1", **event)
    StripeEvent.objects.create(event_id="evt_2", status="processed", **event)
    figures = scrape()
    waiting = {queue: count for (queue,), count in figures["huntaze_queue_waiting"].items() if count}
    assert waiting == {"notifications": 1, "webhooks": 1}
    ages = figures["huntaze_queue_oldest_seconds"]
    assert (ages["notifications",] >= 1800, ages["webhooks",] >= 1800, ages["billing",]) == (True, True, 0)
