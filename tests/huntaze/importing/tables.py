"""Tables of DynamoDB at moto's server, filled by boto3 as the former system filled its own."""

import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pytest_django import Settings

from tests.s3 import KEYS, running_moto


class Tables:
    """The former system's tables, under a prefix that no other test has."""

    def __init__(self, endpoint: str) -> None:
        self.prefix = f"t{uuid.uuid4().hex[:8]}-"
        self._resource: Any = boto3.resource("dynamodb", endpoint_url=endpoint, region_name="eu-west-1")
        self._made: list[Any] = []

    def make(self, table: str, *items: dict[str, Any], hash_key: str = "id", range_key: str = "") -> Any:
        """Make a table of text keys with these records."""
        keys = [(hash_key, "HASH"), *([(range_key, "RANGE")] if range_key else [])]
        made = self._resource.create_table(
            TableName=f"{self.prefix}{table}",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        self._made.append(made)
        self.put(made, *items)
        return made

    @staticmethod
    def put(table: Any, *items: dict[str, Any]) -> None:
        with table.batch_writer() as batch:
            for item in items:
                batch.put_item(Item=item)

    def drop(self) -> None:
        for table in self._made:
            table.delete()


@pytest.fixture
def tables(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """No table at first, and the settings that lead there, with small pages."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    settings.DYNAMODB_ENDPOINT, settings.DYNAMODB_REGION = running_moto(), "eu-west-1"
    settings.DYNAMODB_PAGE_SIZE = 4
    made = Tables(running_moto())
    settings.DYNAMODB_TABLE_PREFIX = made.prefix
    yield made
    made.drop()
