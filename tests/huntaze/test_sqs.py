"""Amazon SQS as broker: queues with dead letter queues, and a job from its start to its end through them."""

import os
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis
from django.db import connection
from django.test import Client
from pytest_django import Settings

from huntaze.broker import SQS, Depth
from jobs.models import JobRun
from scripts.demo.processes import Processes
from tests.commandline import start_program
from tests.s3 import KEYS, running_moto

REGION = "eu-west-1"
LOGICAL = ("default", "billing", "messages", "ai", "enrichment", "analytics", "notifications", "email", "webhooks")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The variables that make SQS the broker, with names of this test's own; the queues are gone afterwards."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    yield {
        "JOBS_BROKER": "sqs",
        "SQS_REGION": REGION,
        "SQS_ENDPOINT": running_moto(),
        "SQS_QUEUE_NAMES": "ai=huntaze-ai-processing",
    }
    client = _client()
    for url in client.list_queues().get("QueueUrls", []):
        client.delete_queue(QueueUrl=url)


def _client() -> Any:
    return boto3.client("sqs", endpoint_url=running_moto(), region_name=REGION)


def _names() -> list[str]:
    return sorted(url.rsplit("/", 1)[1] for url in _client().list_queues().get("QueueUrls", []))


def _attributes(name: str) -> dict[str, str]:
    client = _client()
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    found: dict[str, str] = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def _point_at_sqs(settings: Settings) -> SQS:
    settings.JOBS_BROKER, settings.SQS_REGION, settings.SQS_ENDPOINT = "sqs", REGION, running_moto()
    settings.BROKER_QUEUE_NAMES = {name: f"huntaze-{name}" for name in LOGICAL}
    broker = SQS(REGION, running_moto(), seconds=20)
    for at_broker in settings.BROKER_QUEUE_NAMES.values():
        broker.create(at_broker, 600)
    return broker


def test_every_queue_is_created_with_its_dead_letter_queue(world: dict[str, str]) -> None:
    first, second = (start_program("create_queues", **world) for _ in range(2))
    assert (first.status, second.status, first.out) == (0, 0, second.out)
    named = {name: f"huntaze-{name}" for name in LOGICAL} | {"ai": "huntaze-ai-processing"}
    assert _names() == sorted([*named.values(), *(f"{name}-dlq" for name in named.values())])
    billing = _attributes("huntaze-billing")
    aside = _attributes("huntaze-billing-dlq")
    assert billing["VisibilityTimeout"] == "600"
    assert f'"deadLetterTargetArn": "{aside["QueueArn"]}"' in billing["RedrivePolicy"]
    assert '"maxReceiveCount": 5' in billing["RedrivePolicy"]
    assert (aside["MessageRetentionPeriod"], "RedrivePolicy" in aside) == (str(14 * 86_400), False)


def test_without_sqs_there_is_nothing_to_create() -> None:
    answer = start_program("create_queues")
    assert (answer.status, answer.out) == (1, "")
    assert "JOBS_BROKER is not sqs" in answer.err


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("SQS_REGION",), "No region: set SQS_REGION, or AWS_DEFAULT_REGION."),
        (
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            "No credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (("SQS_ENDPOINT",), 'SQS did not do it: Could not connect to the endpoint URL: "http://127.0.0.1:1/"'),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(
    world: dict[str, str], missing: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", *missing):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    elsewhere = {"SQS_ENDPOINT": "http://127.0.0.1:1"} if "SQS_ENDPOINT" in missing else {}
    given = {name: value for name, value in world.items() if name not in missing} | elsewhere
    answer = start_program("create_queues", **given)
    assert (answer.status, answer.out, len(answer.err.strip().splitlines())) == (1, "", 1)
    assert said in answer.err
    assert _names() == []


def test_depths_and_dead_letters_are_counted(world: dict[str, str], settings: Settings) -> None:
    broker = _point_at_sqs(settings)
    client = _client()
    for name in ("huntaze-billing", "huntaze-billing", "huntaze-email-dlq"):
        client.send_message(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"], MessageBody="bell")
    depths = broker.depths()
    assert list(depths) == list(LOGICAL)
    assert (depths["billing"], depths["email"], depths["ai"]) == (Depth(2, 0), Depth(0, 1), Depth(0, 0))


@pytest.mark.django_db(transaction=True)
def test_readiness_asks_sqs(world: dict[str, str], settings: Settings) -> None:
    _point_at_sqs(settings)
    assert Client().get("/readyz").json()["checks"]["broker"]["ok"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.SQS_ENDPOINT = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert not Client().get("/readyz").json()["checks"]["broker"]["ok"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_job_runs_through_sqs_from_start_to_end(world: dict[str, str], settings: Settings, tmp_path: Path) -> None:
    assert start_program("create_queues", **world).status == 0
    hour, rung_elsewhere = "2026-10-05T10:00:00Z", _list_lengths(settings)
    started = start_program("run_job", "hourly-usage", "--hour", hour, **world)
    assert started.status == 0, started.err
    run = JobRun.objects.get()
    waiting = {name: int(_attributes(name)["ApproximateNumberOfMessages"]) for name in _names()}
    queue = f"huntaze-{run.declaration.queue if run.declaration else ''}"
    assert (run.status, {name: count for name, count in waiting.items() if count}) == ("queued", {queue: 1})
    assert _list_lengths(settings) == rung_elsewhere
    database = f"{os.environ['DATABASE_URL'].rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}"
    processes = Processes({**os.environ, **world, "DATABASE_URL": database})
    own = queue.removeprefix("huntaze-")
    command = [sys.executable, "-m", "celery", "-A", "huntaze", "worker", "-P", "solo", "-l", "warning", "-Q", own]
    try:
        processes.start("worker", command, log=tmp_path / "worker.log")
        processes.wait_until(partial(_has_ended, run), "The run")
        # The worker takes the bell away once it has answered it.
        processes.wait_until(lambda: _in_flight(queue) == 0, "The bell's end")
    finally:
        processes.stop()
    run.refresh_from_db()
    assert run.status in {"succeeded", "nothing_to_do"}, (tmp_path / "worker.log").read_text()


def _list_lengths(settings: Settings) -> list[int]:
    """What lies in the queues of Redis, which is not the broker here."""
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        return [int(server.llen(name)) for name in LOGICAL]


def _has_ended(run: JobRun) -> bool:
    run.refresh_from_db()
    return not run.is_active


def _in_flight(name: str) -> int:
    found = _attributes(name)
    return sum(int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible"))
