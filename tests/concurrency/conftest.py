"""The outside world, and workers in processes of their own, once for all tests of this folder."""

import logging
from collections.abc import Iterator
from contextlib import closing

import boto3
import httpx
import pytest
from botocore.config import Config
from django.conf import settings
from django.db import connection
from moto.server import ThreadedMotoServer

from jobs import registry
from sandbox.server import run as run_sandbox
from tests.concurrency import careless
from tests.concurrency.fleet import Fleet
from tests.concurrency.world import BUCKET, RESULTS, Outside


@pytest.fixture(scope="session")
def _addresses() -> Iterator[dict[str, str]]:
    """Start Stripe, the gateway, the mail server and the storage."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    storage = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    storage.start()
    with run_sandbox() as sandbox:
        yield {
            "sandbox": sandbox.http_url,
            "smtp_port": str(sandbox.smtp_port),
            "s3": f"http://127.0.0.1:{storage.get_host_and_port()[1]}",
        }
    storage.stop()


@pytest.fixture(scope="session")
def _outside(_addresses: dict[str, str]) -> Iterator[Outside]:
    s3 = boto3.client(
        "s3",
        endpoint_url=_addresses["s3"],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )
    for bucket in (BUCKET, RESULTS):
        s3.create_bucket(Bucket=bucket)
    with closing(httpx.Client(base_url=f"{_addresses['sandbox']}/control", timeout=30)) as control:
        yield Outside(control, s3)


@pytest.fixture(scope="session")
def _fleet(
    _addresses: dict[str, str], _outside: Outside, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Start the driver, with the settings that production would have but for addresses and a short lease."""
    http, smtp, s3 = _addresses["sandbox"], _addresses["smtp_port"], _addresses["s3"]
    environment = {
        "DATABASE_URL": f"{settings.DATABASE_URL.rpartition('/')[0]}/{connection.settings_dict['NAME']}",
        "LOG_LEVEL": "ERROR",
        "JOBS_LEASE_SECONDS": "1",
        "JOBS_MAX_ATTEMPTS": "5",
        "ONLYFANS_API_URL": f"{http}/onlyfans",
        "INVOICE_ENABLE_S3": "1",
        "INVOICE_S3_BUCKET": BUCKET,
        "INVOICE_S3_REGION": "us-east-1",
        "INVOICE_S3_ENDPOINT": s3,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "INVOICE_ENABLE_STRIPE": "1",
        "STRIPE_API_KEY": "sk_test_1234567890abcdef",
        "STRIPE_API_BASE": f"{http}/stripe",
        "STRIPE_RATE_PER_SECOND": "1000",
        "STRIPE_ENDPOINT_RATE_PER_SECOND": "1000",
        "STRIPE_EVENT_MAX_ATTEMPTS": "20",
        "STRIPE_EVENT_RETRY_BASE_SECONDS": "0.05",
        "STRIPE_EVENT_RETRY_MAX_SECONDS": "0.2",
        "RESULTS_BUCKET": RESULTS,
        "RESULTS_REGION": "us-east-1",
        "RESULTS_ENDPOINT": s3,
        "RESULTS_MAX_ATTEMPTS": "20",
        "RESULTS_RETRY_BASE_SECONDS": "0.05",
        "RESULTS_RETRY_MAX_SECONDS": "0.2",
        "INVOICE_ENABLE_EMAIL": "1",
        "INVOICE_SMTP_HOST": "127.0.0.1",
        "INVOICE_SMTP_PORT": smtp,
    }
    ports = {int(http.rpartition(":")[2]): "http", int(s3.rpartition(":")[2]): "s3", int(smtp): "smtp"}
    fleet = Fleet(environment, tmp_path_factory.mktemp("fleet") / "log", ports)
    yield fleet
    fleet.end()


@pytest.fixture
def outside(_outside: Outside, transactional_db: None) -> Outside:
    """The outside world, empty at first."""
    _outside.reset()
    return _outside


@pytest.fixture
def careless_billing() -> Iterator[str]:
    """The name of a job that is declared for this test only."""
    before = dict(registry._JOBS)
    careless.declare()
    yield careless.NAME
    registry._JOBS.clear()
    registry._JOBS.update(before)


@pytest.fixture
def fleet(_fleet: Fleet, transactional_db: None) -> Fleet:
    """The workers."""
    return _fleet
