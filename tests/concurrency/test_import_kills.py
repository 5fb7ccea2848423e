"""Workers killed anywhere while a table is brought in: the import goes on where it was, and nothing counts twice."""

import uuid
from collections.abc import Iterator
from itertools import batched
from typing import Any

import boto3
import pytest

from accounts.models import User
from huntaze.importing.running import sum_counts
from huntaze.models import ImportedRecord, ImportReject, ImportSegment, TableImport
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
from tests.concurrency.fleet import Fleet

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_RECORDS, _A_PAGE, _AT_ONCE = 3, 2, 15
_COUNTS = {"read": 3, "created": 2, "updated": 0, "unchanged": 0, "kept": 0, "rejected": 1}


class Imports:
    """A table and a run of its own for each worker that is killed."""

    def __init__(self, fleet: Fleet, endpoint: str) -> None:
        self._fleet = fleet
        self._made: list[str] = []
        self._settings = {
            "JOBS_THREADS": 1,
            "DYNAMODB_ENDPOINT": endpoint,
            "DYNAMODB_REGION": "us-east-1",
            "DYNAMODB_PAGE_SIZE": _A_PAGE,
        }
        self._client: Any = boto3.client(
            "dynamodb",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def begin(self) -> tuple[str, JobRun]:
        prefix = f"t{uuid.uuid4().hex[:8]}-"
        self._client.create_table(
            TableName=f"{prefix}users",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self._made.append(f"{prefix}users")
        for place in range(_RECORDS):
            email = f"{prefix}{place}@example.test" if place else "nonsense"
            item = {"id": {"S": f"{prefix}{place}"}, "email": {"S": email}}
            self._client.put_item(TableName=f"{prefix}users", Item=item)
        job = get_job("import-dynamodb")
        run, _ = start(job, read_params(job, {"table": "users", "prefix": prefix}), JobRun.Trigger.COMMAND)
        return prefix, run

    def work(self, *specs: dict[str, Any]) -> list[dict[str, Any]]:
        return self._fleet.work(*({**spec, "settings": self._settings} for spec in specs))

    def drop(self) -> None:
        for name in self._made:
            self._client.delete_table(TableName=name)


@pytest.fixture
def imports(fleet: Fleet, _addresses: dict[str, str]) -> Iterator[Imports]:
    made = Imports(fleet, _addresses["s3"])
    yield made
    made.drop()


def find_faults(prefix: str, run: JobRun) -> list[Any]:
    """Say what is not as it is without a crash."""
    run.refresh_from_db()
    done = TableImport.objects.get(name=f"{prefix}users")
    seen = {
        "status": run.status,
        "finished": done.finished_at is not None,
        "counts": sum_counts(done),
        "users": User.objects.filter(email__startswith=prefix).count(),
        "records": ImportedRecord.objects.filter(name=done.name).count(),
        "rejects": ImportReject.objects.filter(table_import=done).count(),
    }
    right = {
        "status": "succeeded", "finished": True, "counts": _COUNTS, "users": 2, "records": 3, "rejects": 1,
    }  # fmt: skip
    return [(name, seen[name]) for name in right if seen[name] != right[name]]


def test_a_worker_killed_at_any_effect(fleet: Fleet, imports: Imports) -> None:
    prefix, run = imports.begin()
    (end,) = imports.work({"runs": [run.pk], "ports": fleet.ports})
    assert find_faults(prefix, run) == []
    effects: list[str] = end["effects"]
    assert len(effects) > 30
    begun = [(effect, *imports.begin()) for effect in effects]
    specs = [
        {"runs": [run.pk], "ports": fleet.ports, "kill_at": place} for place, (_, _, run) in enumerate(begun, start=1)
    ]
    for part in batched(specs, _AT_ONCE):
        assert all(end["killed"] for end in imports.work(*part))
    imports.work(*({"runs": [run.pk for _, _, run in begun[half::2]]} for half in (0, 1)))
    faults = {effect: found for effect, prefix, run in begun if (found := find_faults(prefix, run))}
    assert faults == {}


def test_without_the_position_that_is_kept_records_would_count_twice(fleet: Fleet, imports: Imports) -> None:
    prefix, run = imports.begin()
    (end,) = imports.work({"runs": [run.pk], "ports": fleet.ports})
    sent = [place for place, effect in enumerate(end["effects"], start=1) if effect.startswith("sent s3 POST")]
    prefix, run = imports.begin()
    assert imports.work({"runs": [run.pk], "ports": fleet.ports, "kill_at": sent[-1]})[0]["killed"]
    ImportSegment.objects.filter(table_import__name=f"{prefix}users").update(position=None)
    imports.work({"runs": [run.pk]})
    assert [name for name, _ in find_faults(prefix, run)] == ["counts"]
