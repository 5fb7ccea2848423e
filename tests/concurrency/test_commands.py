"""The commands and the Celery worker as they are started in production, killed without a word, and started again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from redis import Redis

from billing.models import InvoiceDelivery
from jobs.models import JobRun
from jobs.tasks import sweep
from tests.concurrency.fleet import Fleet
from tests.concurrency.world import Look, Outside, World, find_faults_everywhere, make_world, start_billing

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_PATIENCE = 60.0


@pytest.fixture
def world(outside: Outside) -> Iterator[World]:
    """A world outside of which answers take their time, so that there is some to be killed in."""
    world = make_world(outside)
    outside.tell("PUT", "/latency", stripe=150)
    yield world
    outside.tell("PUT", "/latency", stripe=0)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_delivering() -> bool:
    return InvoiceDelivery.objects.filter(step="stripe", status="running").exists()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe
        pipe.close()


def end(process: subprocess.Popen[str]) -> str:
    """Wait for the end of a process that does well; return what it printed."""
    printed, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    return printed


def test_a_command_that_was_killed_is_finished_by_the_next(fleet: Fleet, outside: Outside, world: World) -> None:
    command = ("manage.py", "run_billing", "--month", "2026-08", "--workers", "2", "--format", "json")
    first = fleet.spawn(*command)
    wait_until(is_delivering)
    kill(first)
    run = JobRun.objects.get()
    assert run.status == "running"
    # Two at once: neither starts another run, both wait for the end of this one.
    again = [fleet.spawn(*command) for _ in range(2)]
    for printed in map(end, again):
        said = json.loads(printed)
        assert (said["run"], said["status"], said["invoices"]) == (run.pk, "succeeded", 2)
        assert said["revenue_cents"] == {"USD": sum(world.totals.values())}
    assert JobRun.objects.get() == run
    assert Look(outside).find_faults(world) == find_faults_everywhere() == []


@pytest.fixture
def broker(fleet: Fleet) -> Iterator[str]:
    """The address of a broker in which nothing waits, nor comes back that a killed worker had in hand."""
    server, waiting = Redis.from_url(settings.REDIS_URL), ("billing", "unacked", "unacked_index")
    server.delete(*waiting)
    yield settings.REDIS_URL
    server.delete(*waiting)
    server.close()


def test_a_celery_worker_that_was_killed_is_replaced(fleet: Fleet, outside: Outside, world: World, broker: str) -> None:
    worker = (
        "-m",
        "celery",
        "-A",
        "huntaze",
        "worker",
        "--queues",
        "billing",
        "--concurrency",
        "2",
        "--loglevel",
        "error",
    )
    first = fleet.spawn(*worker)
    run = start_billing(world)
    wait_until(is_delivering)
    kill(first)
    second = fleet.spawn(*worker)

    def has_ended() -> bool:
        # As the scheduler does every so often.
        sweep()
        run.refresh_from_db()
        return not run.is_active

    wait_until(has_ended)
    assert (run.status, run.done) == ("succeeded", 2)
    assert Look(outside).find_faults(world) == find_faults_everywhere() == []
    second.terminate()
    kill(second)
