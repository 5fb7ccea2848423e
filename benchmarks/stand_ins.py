"""The outside world of a benchmark: processes that take their time to answer, and what they saw."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.database import ROOT
from benchmarks.processes import cpu_seconds

BUCKET = "bench"


@dataclass(frozen=True)
class StandIns:
    """Stripe, S3 and a mail server, each in a process of its own."""

    stripe: subprocess.Popen[str]
    storage: subprocess.Popen[str]
    mail: subprocess.Popen[str]
    stripe_url: str
    smtp: str
    storage_url: str

    @property
    def environment(self) -> dict[str, str]:
        """What the product needs to deliver to them."""
        host, _, port = self.smtp.partition(":")
        return {
            "STRIPE_API_KEY": "sk_test_bench",
            "STRIPE_API_BASE": f"{self.stripe_url}/stripe",
            "INVOICE_ENABLE_STRIPE": "1",
            "INVOICE_ENABLE_S3": "1",
            "INVOICE_S3_BUCKET": BUCKET,
            "INVOICE_S3_REGION": "us-east-1",
            "INVOICE_S3_ENDPOINT": self.storage_url,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "INVOICE_ENABLE_EMAIL": "1",
            "INVOICE_SMTP_HOST": host,
            "INVOICE_SMTP_PORT": port,
        }

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Steer the stand-in for Stripe."""
        answer = httpx.request(method, f"{self.stripe_url}/control/{path}", json=body, timeout=30)
        return answer.raise_for_status().json()

    def cpu_seconds(self) -> float:
        """The processor time that all of them have used."""
        return sum(cpu_seconds(process.pid) for process in (self.stripe, self.storage, self.mail))

    def list_requests(self) -> list[dict[str, Any]]:
        """List what reached Stripe since the log was emptied."""
        found: list[dict[str, Any]] = self.control("GET", "requests")["requests"]
        return found


@contextmanager
def stand_ins(milliseconds: int) -> Iterator[StandIns]:
    """Start the stand-ins, each answer taking so long, and stop them at the end of the block."""
    names = ("stripe", "storage", "mail")
    stripe, storage, mail = processes = [_start(f"benchmarks.{name}", str(milliseconds)) for name in names]
    try:
        yield StandIns(stripe, storage, mail, _first_line(stripe), _first_line(mail), _first_line(storage))
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise RuntimeError(f"A stand-in did not start: {process.args!r}")
    return line


def count_in_any_second(requests: list[dict[str, Any]]) -> int:
    """The most requests that fell into any one second."""
    times, most, start = sorted(request["at"] for request in requests), 0, 0
    for end, at in enumerate(times):
        while at - times[start] >= 1:
            start += 1
        most = max(most, end - start + 1)
    return most


def by_endpoint(requests: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Sort requests by the endpoint that Stripe counts them under."""
    found = defaultdict(list)
    for request in requests:
        parts = ["{id}" if "_" in part and any(map(str.isdigit, part)) else part for part in request["path"].split("/")]
        found[f"{request['method']} {'/'.join(parts)}"].append(request)
    return dict(found)


def count_statuses(requests: list[dict[str, Any]]) -> Counter[int]:
    """Count the answers by status."""
    return Counter(request["status"] for request in requests)
