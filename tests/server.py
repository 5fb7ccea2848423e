"""The web server as it runs in production, on the test database."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection

from scripts.demo.__main__ import answers
from scripts.demo.processes import Processes


def free_ports(count: int) -> list[int]:
    """Find ports on which nobody listens."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def database_url() -> str:
    """Say where the test database is."""
    place = connection.settings_dict
    password = f":{place['PASSWORD']}" if place["PASSWORD"] else ""
    return f"postgres://{place['USER']}{password}@{place['HOST']}:{place['PORT']}/{place['NAME']}"


def spare_redis_url() -> str:
    """Say where a broker is whose queues nobody else of this process uses."""
    server, number = settings.REDIS_URL.rsplit("/", 1)
    return f"{server}/{int(number) + 1}"


@contextmanager
def running_server(log: Path, *, worker: bool = False, **environment: str) -> Iterator[str]:
    """Run the server, and a worker if wanted, during the block, their words going to `log`; yields its address."""
    (port,) = free_ports(1)
    processes = Processes({**os.environ, "DATABASE_URL": database_url(), **environment})
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--blocking-threads", "4"]
    options = ["--interface", "wsgi", "--no-ws", "--workers-kill-timeout", "1"]
    command = [sys.executable, "-m", "granian", *address, *options, "huntaze.wsgi:application"]
    processes.start("web", command, log=log)
    if worker:
        queues = ["-Q", ",".join(settings.CELERY_TASK_QUEUE_NAMES)]
        start = ["celery", "-A", "huntaze", "worker", "-P", "solo", "-l", "warning", *queues]
        processes.start("worker", [sys.executable, "-m", *start], log=log.with_suffix(".worker"))
    try:
        processes.wait_until(partial(answers, f"http://127.0.0.1:{port}/healthz"), "web")
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.stop()
