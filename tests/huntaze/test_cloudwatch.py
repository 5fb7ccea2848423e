"""Results of runs reach CloudWatch once, at the time when each run ended; a run never notices."""

import datetime as dt
import socket
from collections.abc import Iterator
from itertools import count
from threading import Thread
from typing import Any

import boto3
import pytest
from django.utils import timezone
from pytest_django import Settings

from huntaze.tasks import report_runs
from jobs.models import JobRun
from tests.factories.ledger import make_run
from tests.s3 import KEYS, running_moto

pytestmark = pytest.mark.django_db
_namespaces = count(1)


class Metrics:
    """A namespace of its own at moto's CloudWatch."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"Huntaze/Test{next(_namespaces)}"
        self._client: Any = boto3.client("cloudwatch", endpoint_url=endpoint, region_name="eu-west-1")

    def names(self) -> set[str]:
        return {metric["MetricName"] for metric in self._client.list_metrics(Namespace=self.name)["Metrics"]}

    def points(self, name: str, **dimensions: str) -> list[tuple[dt.datetime, float]]:
        """Each minute that has anything, with its sum."""
        found = self._client.get_metric_statistics(
            Namespace=self.name,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=timezone.now() - dt.timedelta(days=1),
            EndTime=timezone.now() + dt.timedelta(hours=1),
            Period=60,
            Statistics=["Sum"],
        )
        return sorted((point["Timestamp"], point["Sum"]) for point in found["Datapoints"])


@pytest.fixture
def metrics(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    made = Metrics(running_moto())
    settings.CLOUDWATCH_NAMESPACE, settings.CLOUDWATCH_REGION = made.name, "eu-west-1"
    settings.CLOUDWATCH_ENDPOINT = running_moto()
    yield made


def _end(minutes_ago: int, **fields: Any) -> JobRun:
    ended = timezone.now().replace(second=0, microsecond=0) - dt.timedelta(minutes=minutes_ago)
    return make_run(finished_at=ended, started_at=ended - dt.timedelta(seconds=90), **fields)


def test_results_arrive_once_at_the_time_the_run_ended(metrics: Metrics) -> None:
    run = _end(30, status="partial", expected=10, done=6, skipped=1, failed=2)
    _end(5, status="succeeded", expected=4, done=4)
    assert (report_runs(), report_runs()) == (2, 0)
    assert metrics.points("RunsEnded", Job="monthly-billing", Status="partial") == [(run.finished_at, 1)]
    assert metrics.points("RunDuration", Job="monthly-billing")[0] == (run.finished_at, 90)
    sums = {
        name: [value for _, value in metrics.points(name, Job="monthly-billing")]
        for name in ("ItemsDone", "ItemsSkipped", "ItemsFailed", "ItemsMissing")
    }
    assert sums == {"ItemsDone": [6, 4], "ItemsSkipped": [1, 0], "ItemsFailed": [2, 0], "ItemsMissing": [1, 0]}


def test_what_is_no_result_is_not_told(metrics: Metrics) -> None:
    _end(5, status="succeeded", dry_run=True)
    _end(7 * 60, status="succeeded")
    make_run(status="running", started_at=timezone.now())
    assert report_runs() == 0
    assert metrics.names() == set()


def test_without_a_namespace_nothing_is_told(metrics: Metrics, settings: Settings) -> None:
    settings.CLOUDWATCH_NAMESPACE = ""
    run = _end(5, status="succeeded")
    assert report_runs() == 0
    run.refresh_from_db()
    assert run.reported_at is None


def test_what_could_not_be_sent_is_sent_later(metrics: Metrics, settings: Settings) -> None:
    settings.CLOUDWATCH_ENDPOINT = "http://127.0.0.1:1"
    run = _end(5, status="succeeded")
    assert report_runs() == 0
    settings.CLOUDWATCH_ENDPOINT = running_moto()
    assert report_runs() == 1
    assert metrics.points("RunsEnded", Job="monthly-billing", Status="succeeded") == [(run.finished_at, 1)]


def test_what_may_have_arrived_is_not_sent_again(metrics: Metrics, settings: Settings) -> None:
    _end(5, status="succeeded")
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.CLOUDWATCH_ENDPOINT = f"http://127.0.0.1:{server.getsockname()[1]}"
        thread = Thread(target=lambda: _take_and_hang_up(server))
        thread.start()
        assert report_runs() == 1
        thread.join(30)
    settings.CLOUDWATCH_ENDPOINT = running_moto()
    assert report_runs() == 0


def _take_and_hang_up(server: socket.socket) -> None:
    """Read a request's beginning and end the connection, as a server that dies on it."""
    connection, _ = server.accept()
    with connection:
        connection.recv(1000)
