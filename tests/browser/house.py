"""The whole product as it runs in production, on the test database: web server, worker, and an S3 to store in."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import redis
from botocore.config import Config
from django.conf import settings

from common.pace import begin
from scripts.demo.__main__ import answers, listens
from scripts.demo.processes import Processes
from tests.outside import Outside
from tests.server import database_url, free_ports

_BUCKET, _RESULTS = "browser-invoices", "browser-results"
CRON_SECRET = "cron-secret-of-the-browser"
_AWS_KEY = "browser"


class House:
    """The running processes; `url` is where staff find the admin."""

    def __init__(self, directory: Path, redis_database: int, outside: Outside) -> None:
        self.directory, self.outside = directory, outside
        self._web, self._storage = free_ports(2)
        self.url = f"http://127.0.0.1:{self._web}"
        self._redis_url = f"{settings.REDIS_URL.rsplit('/', 1)[0]}/{redis_database}"
        self._processes = Processes(self._environment())
        self._s3 = self._open_s3()

    def open(self) -> None:
        """Start everything and return when it answers."""
        with redis.Redis.from_url(self._redis_url) as broker:
            broker.flushdb()
        begin(self._redis_url)
        address = ["--host", "127.0.0.1", "--port", str(self._web)]
        queues = ["-Q", ",".join(settings.CELERY_TASK_QUEUE_NAMES)]
        self._start("web", "granian", *address, "--interface", "wsgi", "--no-ws", "huntaze.wsgi:application")
        self._start("worker", "celery", "-A", "huntaze", "worker", "-P", "solo", "-l", "warning", *queues)
        file = self.directory / "storage.sqlite3"
        self._start("storage", "scripts.demo.storage", "--port", str(self._storage), "--file", str(file))
        self._processes.wait_until(partial(listens, self._storage), "storage")
        for bucket in (_BUCKET, _RESULTS):
            self._s3.create_bucket(Bucket=bucket)
        self._processes.wait_until(partial(answers, f"{self.url}/admin/login/"), "web")

    def close(self) -> None:
        """End everything: nobody may be left who holds the test database."""
        self._processes.stop()

    def tidy(self) -> None:
        """Let the world outside forget whatever was done in it."""
        self.outside.reset()
        for name in self.files():
            self._s3.delete_object(Bucket=_BUCKET, Key=name)

    def files(self) -> list[str]:
        """The names of the stored files."""
        return [entry["Key"] for entry in self._s3.list_objects_v2(Bucket=_BUCKET).get("Contents", ())]

    def send(self, path: str, body: Any) -> Any:
        """Send JSON as a scheduler or a worker does; return the answer."""
        answer = httpx.post(f"{self.url}{path}", json=body, headers={"x-cron-secret": CRON_SECRET}, timeout=30)
        assert answer.is_success, answer.text
        return answer.json()

    def tell_of_result(self, job: str, etag: str) -> None:
        """Tell of a worker's result, as S3 does."""
        thing = {"key": f"jobs/{job}/result.json", "eTag": etag, "size": 1}
        record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}
        self.send(
            "/api/ingest/of-results",
            {"Records": [{**record, "s3": {"bucket": {"name": _RESULTS}, "object": thing}}]},
        )

    def put_result(self, job: str, body: bytes) -> None:
        """Store a worker's result; nobody tells of it."""
        self._s3.put_object(Bucket=_RESULTS, Key=f"jobs/{job}/result.json", Body=body)

    def _start(self, name: str, module: str, *arguments: str) -> None:
        log = self.directory / f"{name}.log"
        self._processes.start(name, [sys.executable, "-m", module, *arguments], log=log)

    def _open_s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self._storage}",
            region_name="us-east-1",
            aws_access_key_id=_AWS_KEY,
            aws_secret_access_key=_AWS_KEY,
            config=Config(s3={"addressing_style": "path"}),
        )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            "DATABASE_URL": database_url(),
            "REDIS_URL": self._redis_url,
            "BASE_URL": self.url,
            # Nobody dies here, and a machine that is busy must not look as if somebody had.
            "JOBS_LEASE_SECONDS": "60",
            "ONLYFANS_API_URL": self.outside.gateway_url,
            "STRIPE_API_KEY": "sk_test_browser",
            "STRIPE_API_BASE": self.outside.stripe_url,
            "CRON_SECRET": CRON_SECRET,
            "RESULTS_BUCKET": _RESULTS,
            "RESULTS_REGION": "us-east-1",
            "RESULTS_ENDPOINT": f"http://127.0.0.1:{self._storage}",
            "AWS_ACCESS_KEY_ID": _AWS_KEY,
            "AWS_SECRET_ACCESS_KEY": _AWS_KEY,
            "INVOICE_ENABLE_S3": "1",
            "INVOICE_S3_BUCKET": _BUCKET,
            "INVOICE_S3_REGION": "us-east-1",
            "INVOICE_S3_ENDPOINT": f"http://127.0.0.1:{self._storage}",
            "INVOICE_ENABLE_STRIPE": "1",
            "INVOICE_ENABLE_EMAIL": "1",
            "INVOICE_SMTP_HOST": self.outside.sandbox.smtp_host,
            "INVOICE_SMTP_PORT": str(self.outside.sandbox.smtp_port),
        }
