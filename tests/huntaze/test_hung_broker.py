"""A broker that answers no more, like one behind a network that has begun to swallow packets."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest
from django.db import connection

from jobs.models import JobRun
from tests.commandline import ROOT

START = """
import huntaze.wsgi
from celery import current_app
from jobs.models import JobRun
from jobs.registry import get_job
from jobs.services import read_params, start
current_app.send_task("nobody.does", queue="hung", expires=1)
job = get_job("record-issued-invoices")
start(job, read_params(job, {}), JobRun.Trigger.ADMIN)
"""
# A worker's patience would take three times ten.
_PATIENCE_SECONDS = 25


@contextmanager
def falling_silent() -> Iterator[int]:
    """Let a port lead to the broker until it has answered the first ring, and nothing through from then on."""
    broker = urlsplit(os.environ["REDIS_URL"])
    rung, silent, ended = Event(), Event(), Event()

    def pump(source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        while data := source.recv(65_536):
            if silent.is_set():
                ended.wait()
                break
            if not answers and b"LPUSH" in data:
                rung.set()
            target.sendall(data)
            if answers and rung.is_set():
                silent.set()

    def serve(listener: socket.socket) -> None:
        while not ended.is_set():
            asked, _ = listener.accept()
            told = socket.create_connection((broker.hostname or "", broker.port or 0))
            for source, target, answers in ((asked, told, False), (told, asked, True)):
                Thread(target=pump, args=(source, target), kwargs={"answers": answers}, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        assert silent.is_set()
        ended.set()


@pytest.mark.django_db(transaction=True)
def test_a_start_waits_a_moment_for_it_and_leaves_the_run_to_the_sweep() -> None:
    server = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    broker = urlsplit(os.environ["REDIS_URL"])
    with falling_silent() as port:
        addresses = {
            "DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}",
            "REDIS_URL": broker._replace(netloc=f":{broker.password or ''}@127.0.0.1:{port}").geturl(),
        }
        ended = subprocess.run(
            [sys.executable, "-c", START], cwd=ROOT, env={**os.environ, **addresses}, capture_output=True, text=True,
            timeout=_PATIENCE_SECONDS, check=True,
        )  # fmt: skip
    assert "the sweep will" in ended.stderr
    assert list(JobRun.objects.values_list("job", "status")) == [("record-issued-invoices", "queued")]
