"""A pace that all processes share."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from common.errors import Retryable
from common.pace import wait_for_turn

PER_SECOND = 2_000


@pytest.fixture
def server() -> redis.Redis:
    return redis.Redis.from_url(django_settings.REDIS_URL, decode_responses=True)


def now(server: redis.Redis) -> int:
    seconds, microseconds = server.time()
    return int(seconds) * 1_000_000 + int(microseconds)


def test_turns_of_many_threads_are_spaced_by_the_clock_of_the_server(server: redis.Redis) -> None:
    name, begun = f"test {uuid.uuid4()}", now(server)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: wait_for_turn(name, PER_SECOND), range(40)))
    # The fortieth turn came no sooner than thirty-nine intervals after the first; the next one is reserved after it.
    assert now(server) >= begun + 39 * 1_000_000 // PER_SECOND
    assert int(server.get(f"pace:{name}") or 0) >= begun + 40 * 1_000_000 // PER_SECOND


def test_names_have_paces_of_their_own(server: redis.Redis) -> None:
    slow, quick = f"test {uuid.uuid4()}", f"test {uuid.uuid4()}"
    wait_for_turn(slow, 1)
    before = int(server.get(f"pace:{slow}") or 0)
    for _ in range(3):
        wait_for_turn(quick, PER_SECOND)
    assert int(server.get(f"pace:{slow}") or 0) == before


def test_what_was_not_used_is_not_saved_up(server: redis.Redis) -> None:
    """After a pause the turns come one by one again, not all at once; the key is forgotten by itself."""
    name = f"test {uuid.uuid4()}"
    wait_for_turn(name, PER_SECOND)
    assert 0 < server.pttl(f"pace:{name}") <= 1_001
    server.set(f"pace:{name}", now(server) - 10_000_000)
    begun = now(server)
    wait_for_turn(name, PER_SECOND)
    assert int(server.get(f"pace:{name}") or 0) >= begun + 1_000_000 // PER_SECOND


def test_a_server_that_is_not_there_may_come_back(settings: Settings) -> None:
    settings.REDIS_URL = "redis://:secret-7d1f@127.0.0.1:9/0"
    with pytest.raises(Retryable) as raised:
        wait_for_turn("test", PER_SECOND)
    assert raised.value.message == "The server that keeps the pace can't be reached (ConnectionError)."
