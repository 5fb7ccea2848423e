"""Workers killed between any two writes of a result file, and between a message and its rows: all is there, once."""

import json
import time
from itertools import batched
from typing import Any

import boto3
import pytest
from django.db import connection

from analytics.models import Event
from billing.models import InvoiceLine
from common.clock import Month
from onlyfans.models import CreatorAccount, CreatorFigures, EarningsAggregate, EarningsRevision, ResultFile
from onlyfans.providers.notifications import StoredFile
from onlyfans.services.results import take_files
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.concurrency.world import RESULTS, Outside
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.factories.runs import bill_here

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
AUGUST, SEPTEMBER = Month(2026, 8), Month(2026, 9)
_AT_ONCE, _MOST_EFFECTS = 10, 24
_BEFORE, _AFTER = 10_000, 26_000


class Shelf:
    """Creators whose August came and was billed, and a second file about each that changes it."""

    def __init__(self, outside: Outside, settings: Any, count: int) -> None:
        self._s3 = outside.s3
        settings.RESULTS_BUCKET = RESULTS
        organization = make_organization(make_plan(((0, 1000),)), account={"max_change_percent": 10**6})
        self.organization: str = organization.pk
        self.creators = [make_creator(organization) for _ in range(count)]

    def put(self, creator: CreatorAccount, cents: int, version: int) -> StoredFile:
        """Store what somebody earned in August, and return what S3 would tell of it."""
        key = f"jobs/{creator.onlyfans_user_id}/result.json"
        data = {"currency": "USD", "months": {str(AUGUST): {"tips": {"grossCents": cents, "netCents": cents}}}}
        body = {"kind": "earnings", "version": 1, "userId": creator.onlyfans_user_id, "data": data}
        body["observedAt"] = f"2026-11-0{version}T00:00:00Z"
        answer = self._s3.put_object(Bucket=RESULTS, Key=key, Body=json.dumps(body).encode())
        return StoredFile(RESULTS, key, answer["ETag"].strip('"'), f"0{version}")

    def put_fans(self, creator: CreatorAccount) -> StoredFile:
        """Store how many fans somebody has."""
        key, user = f"jobs/{creator.onlyfans_user_id}-fans/result.json", creator.onlyfans_user_id
        body = {"kind": "fans", "version": 1, "userId": user, "observedAt": "2026-11-01T00:00:00Z"}
        body["data"] = {"fans": creator.pk, "fansExpired": 0}
        answer = self._s3.put_object(Bucket=RESULTS, Key=key, Body=json.dumps(body).encode())
        return StoredFile(RESULTS, key, answer["ETag"].strip('"'))

    def take(self, *files: StoredFile) -> list[int]:
        """Take files in; nobody rings."""
        take_files(files, ResultFile.Door.SQS)
        return [ResultFile.objects.get(key=file.key, etag=file.etag).pk for file in files]

    def prepare(self, fleet: Fleet) -> list[list[int]]:
        """Let August come and be billed, then take in what changes it; return the rows by creator."""
        self.take(*(self.put(creator, _BEFORE, 1) for creator in self.creators))
        fleet.let_loose({"do": "process_results"})
        bill_here(AUGUST, self.organization)
        return [self.take(self.put(one, _AFTER, 2), self.put_fans(one)) for one in self.creators]

    def check(self) -> None:
        """See that everything is there once, and that September trues August up to the cent."""
        count = len(self.creators)
        ended = dict.fromkeys(("done", "replaced"), 0) | {"done": 2 * count, "replaced": count}
        statuses = list(ResultFile.objects.values_list("status", flat=True))
        assert {status: statuses.count(status) for status in set(statuses)} == ended
        rows = EarningsAggregate.objects.values_list("creator", "category", "gross_cents", "net_cents")
        assert sorted(rows) == sorted((one.pk, "tips", _AFTER, _AFTER) for one in self.creators)
        assert EarningsRevision.objects.count() == 2 * count
        names = list(Event.objects.values_list("name", flat=True))
        assert {name: names.count(name) for name in set(names)} == {
            "onlyfans.earnings_seen": 2 * count,
            "onlyfans.fans_counted": count,
        }
        figures = CreatorFigures.objects.filter(metric="fans").values_list("user_id", "value")
        assert dict(figures) == {one.onlyfans_user_id: one.pk for one in self.creators}
        bill_here(SEPTEMBER, self.organization)
        lines = InvoiceLine.objects.filter(invoice__month=SEPTEMBER.first_day, kind="adjustment")
        trued_up = {line.creator_id: line.amount_cents for line in lines}
        assert trued_up == {one.pk: (_AFTER - _BEFORE) // 10 for one in self.creators}
        assert lines.count() == count


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
    wanted = {"UPDATE onlyfans_resultfile", "call onlyfans_ingest", "INTO analytics_event", "UPDATE SET", "commit"}
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
