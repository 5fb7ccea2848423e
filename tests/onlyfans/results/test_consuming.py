"""`consume_results` as the process that it is in production: it takes, it waits, it stops when it is told to."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings as configured
from django.db import connection
from pytest_django import Settings

from onlyfans.models import ResultFile
from onlyfans.tasks import poll_results, process_results
from tests.commandline import ROOT, Manage, check_one_line
from tests.onlyfans.results.world import REGION, World, fans, look_at_figures

pytestmark = pytest.mark.django_db(transaction=True)
_PATIENCE = 60


@contextmanager
def consuming(world: World, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start the command, and wait until it waits."""
    environment = {
        "DATABASE_URL": f"{configured.DATABASE_URL.rpartition('/')[0]}/{connection.settings_dict['NAME']}",
        "RESULTS_BUCKET": world.bucket,
        "RESULTS_REGION": REGION,
        "RESULTS_ENDPOINT": world.endpoint,
        "RESULTS_QUEUE_URL": world.queue_url,
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "consume_results"],
        cwd=ROOT,
        env=os.environ | environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout and process.stdout.readline() == "consume_results: waiting for messages\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _wait_until_taken(count: int) -> None:
    """Wait for rows, which another process writes."""
    deadline = time.monotonic() + _PATIENCE
    while ResultFile.objects.count() < count:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)


def test_it_takes_what_comes_and_stops_when_told(world: World) -> None:
    world.notify()
    with consuming(world) as process:
        for job in "123":
            world.put(job, fans())
        world.tell("no notification")
        _wait_until_taken(4)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out) == (0, "consume_results: stopped\n")
    rows = ResultFile.objects.order_by("job_id").values_list("job_id", "status", "door")
    assert list(rows) == [("", "dead", "sqs"), *((job, "waiting", "sqs") for job in "123")]


def test_without_a_database_nothing_is_deleted(world: World) -> None:
    """The message stays where it is, and comes again."""
    world.tell(json.dumps(world.envelope("1", "etag")))
    nowhere = "postgres://nobody@127.0.0.1:1/nothing"
    with consuming(world, DATABASE_URL=nowhere) as process:
        assert process.stderr and "consume_results: " in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert world.count_messages() == 1
    assert not ResultFile.objects.exists()


def test_wrong_usage_is_one_line(manage: Manage, settings: Settings) -> None:
    settings.RESULTS_QUEUE_URL = ""
    check_one_line(manage("consume_results"), "RESULTS_QUEUE_URL is not set")
    check_one_line(manage("consume_results", "--wait", "21"), "--wait: give a number from 0 to 20")


def test_the_poller_and_the_sweep_do_the_same(world: World) -> None:
    world.notify()
    world.put("1", fans())
    poll_results()
    process_results()
    assert look_at_figures()["ada", "fans"] == 120
    assert world.count_messages() == 0


def test_the_poller_rests_where_there_is_no_queue(settings: Settings) -> None:
    settings.RESULTS_QUEUE_URL = ""
    poll_results()
    assert not ResultFile.objects.exists()
