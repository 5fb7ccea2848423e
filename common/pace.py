"""How often something may happen, over all processes: evenly spaced, by the clock of the server they share."""

import time
from functools import cache
from typing import Any

import redis
from django.conf import settings

from common.errors import Retryable

# Reserves the next free instant for a name and answers how long to wait for it, in microseconds. One atomic step.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local slot = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
redis.call('SET', KEYS[1], string.format('%.0f', slot + ARGV[1]), 'PX', math.ceil((slot + ARGV[1] - now) / 1000) + 1000)
return slot - now
"""


@cache
def _server(url: str) -> Any:
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
    return client.register_script(_RESERVE)


def wait_for_turn(name: str, per_second: int) -> None:
    """Sleep until it is this caller's turn: at most `per_second` turns of a name in any second, over all processes.

    Raises Retryable where the shared server can't be reached.
    """
    try:
        microseconds = int(_server(settings.REDIS_URL)(keys=[f"pace:{name}"], args=[1_000_000 // per_second]))
    except redis.RedisError as error:
        raise Retryable(f"The server that keeps the pace can't be reached ({type(error).__name__}).") from None
    if microseconds > 0:
        time.sleep(microseconds / 1_000_000)
