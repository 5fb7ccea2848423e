"""What carries the bells, looked at from outside: whether it answers, and how much lies in each queue."""

from collections.abc import Mapping
from typing import Protocol

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

_SECONDS = 1.5


class Broker(Protocol):
    """A broker's answer in bounded time; whatever is raised means that it does not answer."""

    def ping(self) -> None:
        """Raise where it does not answer."""

    def depths(self) -> Mapping[str, int]:
        """Count the messages that wait in each queue."""


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

    def depths(self) -> Mapping[str, int]:
        """Count the messages that wait in each queue."""
        names = settings.CELERY_TASK_QUEUE_NAMES
        with self._server as server, server.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.llen(name)
            return dict(zip(names, pipeline.execute(), strict=True))


def get_broker() -> Broker:
    """Find the broker that the settings name."""
    return Redis(settings.CELERY_BROKER_URL)
