"""What carries the bells, looked at from outside: whether it answers, and how much lies in each queue."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_SECONDS = 1.5
_DEAD_LETTER_DAYS = 14
# A bell that was handed out so often and never answered is put aside.
_MOST_RECEIVES = 5


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages wait; `dead` is how many were put aside, None where the broker puts none aside."""

    messages: int
    dead: int | None = None


class Broker(Protocol):
    """A broker's answer in bounded time; whatever is raised means that it does not answer."""

    def ping(self) -> None:
        """Raise where it does not answer."""

    def depths(self) -> Mapping[str, Depth]:
        """Count the messages of each queue."""


class Redis:
    """Redis or Valkey: each queue is a list."""

    def __init__(self, url: str) -> None:
        self._server = redis.Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=Retry(NoBackoff(), 0)
        )

    def ping(self) -> None:
        """Raise where it does not answer."""
        with self._server as server:
            server.ping()

    def depths(self) -> Mapping[str, Depth]:
        """Count the messages that wait in each queue."""
        names = settings.BROKER_QUEUE_NAMES
        with self._server as server, server.pipeline(transaction=False) as pipeline:
            for at_broker in names.values():
                pipeline.llen(at_broker)
            return {name: Depth(count) for name, count in zip(names, pipeline.execute(), strict=True)}


class SQS:
    """Amazon SQS: each queue has a dead letter queue of its own."""

    def __init__(self, region: str, endpoint: str, seconds: float = _SECONDS) -> None:
        self._sqs = _open_sqs(region, endpoint, seconds)

    def ping(self) -> None:
        """Raise where it does not answer, or has no default queue."""
        self._url(settings.BROKER_QUEUE_NAMES[settings.CELERY_TASK_DEFAULT_QUEUE])

    def depths(self) -> Mapping[str, Depth]:
        """Count the messages of each queue, approximately, as SQS does; all queues at the same time."""
        names = settings.BROKER_QUEUE_NAMES
        with ThreadPoolExecutor(2 * len(names)) as pool:
            waiting = pool.map(self._count, names.values())
            dead = pool.map(self._count, map(dead_letters_of, names.values()))
            return {name: Depth(*counts) for name, *counts in zip(names, waiting, dead, strict=True)}

    def create(self, at_broker: str, visibility_seconds: int) -> None:
        """Create a queue and its dead letter queue, or bring those that are there to what they should be."""
        aside = self._create(dead_letters_of(at_broker), MessageRetentionPeriod=str(_DEAD_LETTER_DAYS * 86_400))
        attributes = self._sqs.get_queue_attributes(QueueUrl=aside, AttributeNames=["QueueArn"])["Attributes"]
        redrive = {"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": _MOST_RECEIVES}
        self._create(at_broker, VisibilityTimeout=str(visibility_seconds), RedrivePolicy=json.dumps(redrive))

    def _create(self, at_broker: str, **attributes: str) -> str:
        try:
            url = self._url(at_broker)
        except self._sqs.exceptions.QueueDoesNotExist:
            return str(self._sqs.create_queue(QueueName=at_broker, Attributes=attributes)["QueueUrl"])
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return url

    def _url(self, at_broker: str) -> str:
        return str(self._sqs.get_queue_url(QueueName=at_broker)["QueueUrl"])

    def _count(self, at_broker: str) -> int:
        name = "ApproximateNumberOfMessages"
        found = self._sqs.get_queue_attributes(QueueUrl=self._url(at_broker), AttributeNames=[name])
        return int(found["Attributes"][name])


def dead_letters_of(at_broker: str) -> str:
    """Name the queue into which SQS puts what could not be delivered from another."""
    return f"{at_broker}-dlq"


@cache
def _open_sqs(region: str, endpoint: str, seconds: float) -> Any:
    from botocore.config import Config

    from common.aws import open_client

    patience = Config(
        connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1}, max_pool_connections=32
    )
    return open_client("sqs", 2 * seconds, region_name=region or None, endpoint_url=endpoint or None, config=patience)


def get_broker() -> Broker:
    """Find the broker that the settings name."""
    if settings.JOBS_BROKER == "sqs":
        return SQS(settings.SQS_REGION, settings.SQS_ENDPOINT)
    return Redis(settings.CELERY_BROKER_URL)
