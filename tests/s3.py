"""A bucket of moto's server, which answers like S3."""

import atexit
from collections.abc import Iterator
from functools import cache

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "huntaze-invoices"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@cache
def running_moto() -> str:
    """Return the address of moto's server, started once."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


class S3:
    """A bucket of moto's."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._client = boto3.client(
            "s3", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self._client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def read(self) -> dict[str, bytes]:
        found = self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {one["Key"]: self._client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}

    def put(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def empty(self) -> None:
        for key in self.read():
            self.delete(key)
        self._client.delete_bucket(Bucket=BUCKET)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An empty bucket, gone after the test, and the keys that open it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    made = S3(running_moto())
    yield made
    made.empty()
