"""How often something was tried of late, over all processes: a window that begins with the first attempt."""

from functools import cache
from typing import Any

import redis
from django.conf import settings

from common.errors import Retryable

# Counts one more and answers how many there are and for how many milliseconds they are remembered. One atomic step.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


@cache
def _server(url: str) -> tuple[Any, Any]:
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
    return client, client.register_script(_COUNT)


def count_attempt(name: str, window_seconds: int) -> tuple[int, float]:
    """Count an attempt; return how many there are in the window now, and in how many seconds it ends.

    Raises Retryable where the shared server can't be reached.
    """
    try:
        count, left = _server(settings.REDIS_URL)[1](keys=[f"attempts:{name}"], args=[window_seconds * 1000])
    except redis.RedisError as error:
        raise _unreachable(error) from None
    return int(count), int(left) / 1000


def forget_attempts(name: str) -> None:
    """Count from nothing again, for it went well."""
    try:
        _server(settings.REDIS_URL)[0].delete(f"attempts:{name}")
    except redis.RedisError as error:
        raise _unreachable(error) from None


def _unreachable(error: redis.RedisError) -> Retryable:
    return Retryable(f"The server that counts attempts can't be reached ({type(error).__name__}).")
