"""The endpoints that machines call, beside a bare view that does one insert."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.database import ROOT, Servers, run_sql, temporary_database
from benchmarks.processes import run_command
from benchmarks.report import Table, judge, rate
from tests.server import free_ports

SECRET = "cron-secret-of-the-benchmarks"  # noqa: S105 - opens a server that lives for a minute
_CONNECTIONS, _ROUNDS, _WARM_UP = 16, 5, 400
_AIM_PERCENT = 70
_WAIT_SECONDS = 30


@dataclass(frozen=True)
class Endpoint:
    """An address and what is sent to it; `{id}` within `body` is new each time."""

    name: str
    path: str
    body: str
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 202
    # The bare view beside which it is measured: one that reads the same JSON and inserts into the same table.
    beside: str = ""
    # With what the caller signs each body as Stripe does, if at all.
    secret: str = ""

    def request(self) -> str:
        """Write the request; a number of nineteen digits stands for `{id}`."""
        length = len(self.body) - len("{id}") + 19
        given = {
            "host": "localhost", "x-forwarded-proto": "https", "content-type": "application/json",
            "content-length": str(length), **dict(self.headers),
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n{self.body}"


_EVENT = json.dumps(
    {
        "version": "0", "id": "{id}", "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-11-01T02:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/hourly-usage"], "detail": {},
    }
)  # fmt: skip
_STRIPE_EVENT = (Path(__file__).parent / "stripe_event.json").read_text().replace('"evt_0"', '"evt_{id}"')
_ENVELOPE = json.dumps({"detail-type": "invoice.paid", "source": "aws.partner/stripe.com/ed_1", "detail": "{event}"})
_KEY, _SIGNING = "eventbridge-key-of-the-benchmarks", "whsec_of_the_benchmarks"
BARE = Endpoint("a bare view: one insert", "/bare", _EVENT)
BARE_EVENT = Endpoint("a bare view: one insert of a Stripe event", "/bare-event", _STRIPE_EVENT)
CRON = Endpoint(
    "`/api/cron/hourly-usage`: a new delivery",
    "/api/cron/hourly-usage",
    _EVENT,
    (("x-cron-secret", SECRET),),
    beside=BARE.name,
)
WEBHOOK = Endpoint(
    "`/api/webhooks/stripe`: a new event, signed",
    "/api/webhooks/stripe",
    _STRIPE_EVENT,
    status=200,
    beside=BARE_EVENT.name,
    secret=_SIGNING,
)
EVENTBRIDGE = Endpoint(
    "`/api/eventbridge/stripe`: a new event, in its envelope",
    "/api/eventbridge/stripe",
    _ENVELOPE.replace('"{event}"', _STRIPE_EVENT),
    (("x-api-key", _KEY),),
    status=200,
    beside=BARE_EVENT.name,
)
MEASURED = (BARE, CRON, BARE_EVENT, WEBHOOK, EVENTBRIDGE)
ENDPOINTS = [endpoint for endpoint in MEASURED if endpoint.beside]


def measure(requests: int) -> list[Table]:
    """Measure each endpoint with `requests` calls a round, in turns with the bare view."""
    with temporary_database() as servers:
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        with serving(servers) as (port, _):
            for endpoint in MEASURED:
                _call(port, endpoint, _WARM_UP)
            rates: dict[str, list[float]] = {endpoint.name: [] for endpoint in MEASURED}
            for _ in range(_ROUNDS):
                for endpoint in MEASURED:
                    rates[endpoint.name].append(_call(port, endpoint, requests))
        written = run_sql(servers.database_url, "SELECT count(*) FROM jobs_jobrun WHERE job = 'hourly-usage'")
    # Of each round, what an endpoint reaches of the bare view right before it.
    shares = {
        endpoint.name: median(
            of / bare for of, bare in zip(rates[endpoint.name], rates[endpoint.beside or endpoint.name], strict=True)
        )
        for endpoint in MEASURED
    }
    return [_tabulate(rates, shares, requests, int(written))]


def _tabulate(rates: dict[str, list[float]], shares: dict[str, float], requests: int, written: int) -> Table:
    rows = [[name, rate(round(median(found)), 1), f"{100 * shares[name]:.0f}"] for name, found in rates.items()]
    notes = [
        f"**{100 * shares[endpoint.name]:.0f} % of the bare view** for {endpoint.name} (aim: at least "
        f"{_AIM_PERCENT} %; {judge(100 * shares[endpoint.name] >= _AIM_PERCENT)})."
        for endpoint in ENDPOINTS
    ]
    return Table(
        "Endpoints for machines",
        ("", "requests/s", "% of the bare view"),
        rows,
        [
            *notes,
            f"granian with two processes of four threads, {_CONNECTIONS} kept connections, {requests:,} calls a round, "
            f"{_ROUNDS} rounds in turns, medians; the caller shares the machine's cores with server and database.",
            "Each bare view is a DRF view behind the same middleware that reads the same JSON, inserts one row into "
            "the same table and answers: no secret, no checks, no job, no bell. The Stripe event has "
            f"{len(_STRIPE_EVENT):,} bytes.",
            f"Every call of the cron endpoint wrote a run of its own ({written:,} in all) and rang for it in Valkey.",
        ],
    )


@contextmanager
def serving(servers: Servers) -> Iterator[tuple[int, int]]:
    """Serve the product and the bare views for the time of the block, as in production; yield port and process."""
    (port,) = free_ports(1)
    environment = {
        **os.environ, **servers.environment, "DJANGO_SETTINGS_MODULE": "benchmarks.bare_settings",
        "CRON_SECRET": SECRET, "EVENTBRIDGE_API_KEY": _KEY, "STRIPE_WEBHOOK_SECRET": _SIGNING,
    }  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    options = ["--workers", "2", "--blocking-threads", "4", "--workers-kill-timeout", "5", "--no-ws"]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), *options]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        process = subprocess.Popen(
            [*command, "huntaze.wsgi:application"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _call(port: int, endpoint: Endpoint, count: int) -> float:
    job = {
        "port": port, "request": endpoint.request(), "count": count, "connections": _CONNECTIONS,
        "status": endpoint.status, "secret": endpoint.secret,
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.callers"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{endpoint.name}: {done.stderr.strip()[-2000:]}")
    return float(done.stdout)
