"""The former system's tables, read page by page."""

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

from common.errors import Misconfigured, Retryable
from huntaze.importing.values import as_json, as_python

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSING = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}
# A megabyte as DynamoDB counts it, which JSON makes several times as long.
_SECONDS, _LARGEST_PAGE = 120.0, 20_000_000
type Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Description:
    """What a table says of itself: the attributes of its key, and how many records it has, about."""

    key_names: tuple[str, ...]
    estimate: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some records as JSON of typed values, and the key after which the next page begins; None at the end."""

    items: tuple[Item, ...]
    position: Item | None


def describe_table(name: str) -> Description:
    """Ask what a table says of itself; Misconfigured where there is none, or we may not read it."""
    with _failing_in_words(name):
        told = _client(settings.DYNAMODB_REGION, settings.DYNAMODB_ENDPOINT).describe_table(TableName=name)["Table"]
    return Description(tuple(part["AttributeName"] for part in told["KeySchema"]), told.get("ItemCount", 0))


def read_table_page(name: str, segment: int, segments: int, position: Item | None) -> Page:
    """Read the next page of a segment; Retryable where DynamoDB is busy or can't be reached, Misconfigured else."""
    parallel = {"Segment": segment, "TotalSegments": segments} if segments > 1 else {}
    begin = {"ExclusiveStartKey": _as_bytes(position)} if position else {}
    paged = {"Limit": settings.DYNAMODB_PAGE_SIZE} if settings.DYNAMODB_PAGE_SIZE else {}
    with _failing_in_words(name):
        client = _client(settings.DYNAMODB_REGION, settings.DYNAMODB_ENDPOINT)
        told = client.scan(TableName=name, ConsistentRead=True, **parallel, **begin, **paged)
    return Page(tuple(as_json(item) for item in told["Items"]), as_json(told.get("LastEvaluatedKey")) or None)


def name_record(item: Item, key_names: tuple[str, ...]) -> str:
    """Write a record's key as text: one value as it is, several as a list."""
    values = [_key_text(item[name]) for name in key_names]
    return values[0] if len(values) == 1 else " ".join(f"{len(value)}:{value}" for value in values)


def _key_text(typed: Item) -> str:
    ((kind, value),) = typed.items()
    return str(value) if kind == "B" else str(as_python(typed))


def _as_bytes(position: Item) -> dict[str, Any]:
    return {name: {"B": as_python(value)} if "B" in value else value for name, value in position.items()}


@cache
def _client(region: str, endpoint: str) -> Any:
    from botocore.config import Config

    from common.aws import open_client

    # Retries are the engine's, which writes them down; a page is a megabyte.
    patience = Config(connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1}, max_pool_connections=64)
    return open_client(
        "dynamodb",
        _SECONDS,
        _LARGEST_PAGE,
        region_name=region or None,
        endpoint_url=endpoint or None,
        config=patience,
    )


@contextmanager
def _failing_in_words(name: str) -> "Iterator[None]":
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _PASSING:
            raise Retryable(f"DynamoDB is busy ({code}).") from None
        if code == "ResourceNotFoundException":
            raise Misconfigured(f"There is no table {name} in DynamoDB: look at region, endpoint and prefix.") from None
        raise Misconfigured(f"DynamoDB does not let us read {name} ({code}).") from None
    except (NoCredentialsError, NoRegionError) as error:
        raise Misconfigured(f"DynamoDB can't be asked: {error}") from None
    except (HTTPClientError, BotoCoreError) as error:
        raise Retryable(f"DynamoDB could not be reached ({type(error).__name__}).") from None
