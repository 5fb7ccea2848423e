"""Announcing: starts that come close together are one message, from which every run is rung for."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from celery import current_app
from django.db import connection

from accounts.models import AuditEntry
from jobs.api.announcing import announcer
from jobs.models import JobMonitor, JobRun
from jobs.registry import Job
from jobs.services import announce_together, cancel_run
from jobs.tasks import ring_for_runs
from tests.jobs.api.conftest import SECRET, Call
from tests.jobs.conftest import Declare

pytestmark = pytest.mark.django_db(transaction=True)


def queue_name() -> str:
    """Name the queue by the test's database, for the broker is shared with tests that run beside."""
    return f"announced-{connection.settings_dict['NAME']}"


def take_messages() -> list[tuple[str, Any]]:
    """Take what the broker holds for the queue: each message's task and its only argument."""
    found: list[tuple[str, Any]] = []
    with current_app.connection_for_read() as broker, broker.SimpleQueue(queue_name()) as waiting:
        while True:
            try:
                message = waiting.get(block=False)
            except waiting.Empty:
                return found
            message.ack()
            found.append((message.headers["task"], message.payload[0][0]))


@pytest.fixture(autouse=True)
def queue(jobs: None, declare: Declare) -> Iterator[None]:
    """A job on a queue of its own, empty at first."""

    @declare("announced", title="Announced", queue=queue_name(), http=True)
    class Announced(Job):
        def keys(self) -> Sequence[str]:
            return []

    take_messages()
    yield
    take_messages()


def test_a_lone_start_is_one_bell_and_touches_the_monitor(call: Call) -> None:
    JobMonitor.objects.update_or_create(job="announced", defaults={"check_at": None})
    run_id = call("announced")[1]["runId"]
    announcer.wait()
    assert take_messages() == [("jobs.work", run_id)]
    assert JobMonitor.objects.get(job="announced").check_at is not None


def test_many_starts_are_one_message_from_which_each_is_rung_for() -> None:
    runs = [JobRun.objects.create(job="announced", trigger="http") for _ in range(3)]
    announce_together(runs)
    ids = [run.pk for run in runs]
    assert take_messages() == [("jobs.ring", ids)]
    cancel_run(runs[1], None)
    ring_for_runs(ids)
    assert take_messages() == [("jobs.work", ids[0]), ("jobs.work", ids[2])]


def test_a_start_and_its_audit_entry_are_written_together_once(call: Call) -> None:
    run_id = call("asking", {"scope": "a"}, idempotency_key="k", x_request_id="the-request")[1]["runId"]
    call("asking", {"scope": "a"}, idempotency_key="k")
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.object_type, entry.object_id) == ("start", "jobs.jobrun", str(run_id))
    assert (entry.object_name, entry.actor, entry.actor_name) == (f"Asking #{run_id}", None, "cron secret 1")
    assert (entry.after, entry.door, entry.request_id) == ({"scope": "a", "how_many": 1}, "api", "the-request")
    assert SECRET not in str(AuditEntry.objects.values())
