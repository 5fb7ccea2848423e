"""How often something may be called, over all processes: by the clock of the server they share.

A turn is held while its call is under way, and counts for a second after it has ended. The other side sees the call
at some instant between, so no second of its own, wherever it begins, sees more calls than the limit allows, however
late a busy machine gets round to sending one.

The shared clock may be put back, and what is remembered may be lost. What lies further ahead than anything can is taken
for a clock that was put back. Where the server forgot, was started again or is another one, nobody calls until what was
called before no longer counts: for two seconds, and for as long as a window is.
"""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings

from common.errors import Retryable

# A turn that was never given back, for its process died, is free again after this.
_LONGEST_CALL = 60_000_000
_LOOK_AGAIN = 0.01
# A call that took longer, as one whose process was stopped, says nothing of the next: it does not space out the line.
_LONGEST_USUAL = 2_000_000
# Nobody lines up for longer: a place further ahead is from before the clock was put back.
_LONGEST_LINE = 10_000_000
# From when on the server remembers. What was sent before may arrive for a second yet, and counts for another.
_BEGAN, _NEW_BEGINNING = "pace:began", 2_000_000
# What is kept of a line between two calls, in milliseconds.
_KEPT = 86_400_000

_FIND_BEGINNING = """
local function find_beginning(key, now)
    local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
    local known = redis.call('HMGET', key, 'run', 'at')
    local at = tonumber(known[2] or '')
    if known[1] == run and at and at <= now then return at end
    redis.call('HSET', key, 'run', run, 'at', string.format('%.0f', now))
    return now
end
"""
# Says that nothing was called before.
_BEGIN = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
redis.call('HSET', KEYS[1], 'run', run, 'at', '0')
"""

# Takes a turn under every limit, or answers how long to wait, in microseconds. With ARGV[3] = 0 it first lines up:
# places are as far apart as turns are held on average, so that hardly anybody comes before a turn is free. The last key
# is that of the beginning.
_TAKE = f"""
{_FIND_BEGINNING}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = math.max(0, find_beginning(KEYS[#KEYS], now) + {_NEW_BEGINNING} - now)
for i = 1, #KEYS - 1 do
    local line = redis.call('HMGET', KEYS[i] .. ':line', 'place', 'held')
    if ARGV[3] == '0' then
        local place = math.max(now, tonumber(line[1] or '0'))
        if place > now + {_LONGEST_LINE} then place = now end
        local apart = math.floor((1000000 + tonumber(line[2] or '0')) / ARGV[3 + i])
        redis.call('HSET', KEYS[i] .. ':line', 'place', string.format('%.0f', place + apart))
        wait = math.max(wait, place - now)
    end
    redis.call('PEXPIRE', KEYS[i] .. ':line', {_KEPT})
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
    for _, turn in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], now + {_LONGEST_CALL} + 1, '+inf')) do
        redis.call('ZADD', KEYS[i], now + 1000000, turn)
    end
    if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[3 + i]) then wait = math.max(wait, 1) end
end
if wait > 0 then return wait end
for i = 1, #KEYS - 1 do
    redis.call('ZADD', KEYS[i], now + ARGV[2], ARGV[1])
    redis.call('PEXPIRE', KEYS[i], math.ceil(ARGV[2] / 1000))
end
return 0
"""
# Gives a turn back: it counts for one more second, also where it was forgotten meanwhile. Remembers how long turns are
# held, as a moving average.
_GIVE_BACK = f"""
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i = 1, #KEYS do
    redis.call('ZADD', KEYS[i], now + 1000000, ARGV[1])
    if redis.call('PTTL', KEYS[i]) < 1000 then redis.call('PEXPIRE', KEYS[i], 1000) end
    local held = tonumber(redis.call('HGET', KEYS[i] .. ':line', 'held') or '0')
    redis.call('HSET', KEYS[i] .. ':line', 'held', math.floor(held * 0.9 + math.min(ARGV[2], {_LONGEST_USUAL}) * 0.1))
    redis.call('PEXPIRE', KEYS[i] .. ':line', {_KEPT})
end
"""
# Takes a turn of a rolling window, or answers how long to wait, in microseconds; first of all until ':pause' is over.
_TAKE_OF_WINDOW = f"""
{_FIND_BEGINNING}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pause = redis.call('HMGET', KEYS[2], 'until', 'lasts')
local wait = tonumber(pause[1] or '0') - now
if wait > tonumber(pause[2] or '0') then
    wait = tonumber(pause[2])
    redis.call('HSET', KEYS[2], 'until', string.format('%.0f', now + wait))
end
wait = math.max(wait, find_beginning(KEYS[3], now) + ARGV[3] - now)
if wait > 0 then return wait end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
for _, turn in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')) do
    redis.call('ZADD', KEYS[1], now, turn)
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    return math.max(1, oldest[2] + ARGV[3] - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] / 1000))
return 0
"""
# was asked, the clock was put back.
# was asked, the clock was put back.
_HOLD_BACK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pause = redis.call('HMGET', KEYS[1], 'until', 'lasts')
local left = math.min(tonumber(pause[1] or '0') - now, tonumber(pause[2] or '0'))
if tonumber(ARGV[1]) > left then
    redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[1]), 'lasts', ARGV[1])
    redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000) + 1000)
end
return 0
"""


@dataclass(frozen=True)
class Limit:
    """At most `per_second` calls of a name in any second."""

    name: str
    per_second: int


@dataclass(frozen=True)
class Window:
    """At most `most` calls of a name in any so many seconds, counted when each takes its turn."""

    name: str
    most: int
    seconds: float

    @property
    def keys(self) -> list[str]:
        return [f"window:{self.name}", f"window:{self.name}:pause", _BEGAN]


@cache
def _server(url: str) -> tuple[Any, ...]:
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
    scripts = (_TAKE, _GIVE_BACK, _TAKE_OF_WINDOW, _HOLD_BACK, _BEGIN)
    return tuple(client.register_script(script) for script in scripts)


def take_turn(window: Window) -> float:
    """Take a turn now and return 0, or return in how many seconds to ask again, so that nobody has to sleep.

    Raises Retryable where the shared server can't be reached.
    """
    take = _server(settings.REDIS_URL)[2]
    try:
        return int(take(keys=window.keys, args=[uuid.uuid4().hex, window.most, int(window.seconds * 1_000_000)])) / 1e6
    except redis.RedisError as error:
        raise _unreachable(error) from None


def hold_back(window: Window, seconds: float) -> None:
    """Let nobody take a turn for so long, because the other side asked for it.

    Raises Retryable where the shared server can't be reached.
    """
    try:
        _server(settings.REDIS_URL)[3](keys=window.keys[1:2], args=[int(seconds * 1_000_000)])
    except redis.RedisError as error:
        raise _unreachable(error) from None


def begin(url: str) -> None:
    """Let everybody call at once, because the server at this address is new and nobody was called before."""
    _server(url)[4](keys=[_BEGAN])


def _unreachable(error: redis.RedisError) -> Retryable:
    return Retryable(f"The server that keeps the pace can't be reached ({type(error).__name__}).")


@contextmanager
def in_turn(*limits: Limit) -> Iterator[None]:
    """Sleep until it is this caller's turn under all limits, and hold the turn for the time of the block.

    The block is one call, shorter than a minute. Raises Retryable where the shared server can't be reached.
    """
    take, give_back, *_ = _server(settings.REDIS_URL)
    keys, token = [f"pace:{limit.name}" for limit in limits], uuid.uuid4().hex
    asked: list[Any] = [token, _LONGEST_CALL, 0, *(limit.per_second for limit in limits)]
    try:
        while wait := int(take(keys=[*keys, _BEGAN], args=asked)):
            time.sleep(max(wait / 1_000_000, _LOOK_AGAIN))
            asked[2] = 1
    except redis.RedisError as error:
        raise _unreachable(error) from None
    begun = time.monotonic()
    try:
        yield
    finally:
        # What the call came to counts for more; a turn that is not given back is free again by itself.
        with suppress(redis.RedisError):
            give_back(keys=keys, args=[token, int((time.monotonic() - begun) * 1_000_000)])
