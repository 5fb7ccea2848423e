"""Workers killed between any two writes of a result file, and between a message and its rows: all is there, once."""

import json
import time
from itertools import batched
from typing import Any

import boto3
import pytest
from django.db import connection

from onlyfans.models import ResultFile
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.concurrency.shelf import Shelf
from tests.concurrency.world import RESULTS, Outside

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_AT_ONCE, _MOST_EFFECTS = 10, 24


def wait_for_leases() -> None:
    """Wait until every lease of files has ended, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM max(lease_expires_at) - clock_timestamp()) FROM onlyfans_resultfile "
            "WHERE status = 'working'"
        )
        (left,) = cursor.fetchone()
    time.sleep(max(0.0, float(left or 0)) + 0.01)


def _process(files: list[int], **spec: Any) -> dict[str, Any]:
    return {"do": "process_results", "files": files, **spec, **ONE_THREAD}


def test_a_worker_killed_at_any_effect(fleet: Fleet, outside: Outside, settings: Any) -> None:
    shelf = Shelf(outside, settings, _MOST_EFFECTS + 1)
    watched, *others = shelf.prepare(fleet)
    (end,) = fleet.let_loose(_process(watched, ports=fleet.ports))
    effects: list[str] = end["effects"]
    wanted = {"UPDATE onlyfans_resultfile", "call onlyfans_ingest_rows", "INTO analytics_event", "UPDATE SET", "commit"}
    assert wanted <= set(effects), effects
    assert 12 < len(effects) <= _MOST_EFFECTS, effects
    specs = [
        _process(files, ports=fleet.ports, kill_at=place) for place, files in enumerate(others[: len(effects)], start=1)
    ]
    for part in batched(specs, _AT_ONCE):
        assert all(end["killed"] for end in fleet.let_loose(*part))
    wait_for_leases()
    fleet.let_loose({"do": "process_results"}, {"do": "process_results"})
    shelf.check()


def test_nothing_but_the_end_of_a_lease_brings_back_what_the_dead_had(
    fleet: Fleet, outside: Outside, settings: Any
) -> None:
    """With a lease that never ends, what a worker had in hand when it was killed would stay with it."""
    shelf = Shelf(outside, settings, 2)
    watched, lost = shelf.prepare(fleet)
    (end,) = fleet.let_loose(_process(watched, ports=fleet.ports))
    place = next(place for place, effect in enumerate(end["effects"], start=1) if effect.startswith("sent s3"))
    assert fleet.let_loose(_process(lost, ports=fleet.ports, kill_at=place))[0]["killed"]
    assert set(ResultFile.objects.filter(pk__in=lost).values_list("status", flat=True)) == {"working"}
    ResultFile.objects.filter(pk__in=lost).update(lease_expires_at=None)
    fleet.let_loose(_process(lost))
    assert set(ResultFile.objects.filter(pk__in=lost).values_list("status", flat=True)) == {"working"}


def test_what_kills_everybody_who_reads_it_is_given_up(fleet: Fleet, outside: Outside, settings: Any) -> None:
    shelf = Shelf(outside, settings, 1)
    settings.RESULTS_MAX_ATTEMPTS = 20
    ((bad, good),) = shelf.prepare(fleet)
    ResultFile.objects.filter(pk=bad).update(status="working", attempts=20, lease_expires_at="2026-01-01T00:00:00Z")
    fleet.let_loose({"do": "process_results"})
    assert dict(ResultFile.objects.filter(pk__in=[bad, good]).values_list("pk", "status")) == {
        bad: "dead",
        good: "done",
    }


def test_a_consumer_killed_between_a_message_and_its_rows(fleet: Fleet, outside: Outside, settings: Any) -> None:
    """A message that was not deleted comes again; one that was is a row."""
    settings.RESULTS_BUCKET = RESULTS
    sqs: Any = boto3.client(
        "sqs",
        endpoint_url=outside.s3.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    queue = sqs.create_queue(QueueName="results")["QueueUrl"]
    effects = _tell(fleet, sqs, queue, "watched")
    assert {"commit", "INSERT onlyfans_resultfile"} <= set(effects)
    for place in range(1, len(effects) + 1):
        _tell(fleet, sqs, queue, f"killed-{place}", kill_at=place)
    deadline = time.monotonic() + 20
    jobs = {"watched", *(f"killed-{place}" for place in range(1, len(effects) + 1))}
    while set(ResultFile.objects.values_list("job_id", flat=True)) != jobs and time.monotonic() < deadline:
        time.sleep(0.2)
        fleet.let_loose({"do": "take_results", "queue": queue})
    assert sorted(ResultFile.objects.values_list("job_id", flat=True)) == sorted(jobs)
    sqs.delete_queue(QueueUrl=queue)


def _tell(fleet: Fleet, sqs: Any, queue: str, job: str, **spec: Any) -> list[str]:
    thing = {"key": f"jobs/{job}/result.json", "eTag": job, "size": 1}
    record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
    body = {"Records": [{**record, "s3": {"bucket": {"name": RESULTS}, "object": thing}}]}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(body))
    (end,) = fleet.let_loose({"do": "take_results", "queue": queue, "ports": fleet.ports, **spec})
    assert end["killed"] == ("kill_at" in spec)
    found: list[str] = end.get("effects", [])
    return found
