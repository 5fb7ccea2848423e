"""A pace that all processes share."""

import random
import threading
import time
import uuid
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from common.errors import Retryable
from common.pace import Limit, Window, begin, hold_back, in_turn, take_turn

PER_SECOND = 60
CALLS = 150


@pytest.fixture
def server() -> redis.Redis:
    return redis.Redis.from_url(django_settings.REDIS_URL, decode_responses=True)


@pytest.fixture
def name() -> str:
    return f"test {uuid.uuid4()}"


@pytest.fixture
def forgetful(server: redis.Redis) -> Iterator[redis.Redis]:
    """The server, of which a test changes since when it remembers."""
    yield server
    begin(django_settings.REDIS_URL)


def most_in_any_second(arrivals: Sequence[float]) -> int:
    """Count as the other side would: over every second, wherever it begins."""
    ordered = sorted(arrivals)
    return max(bisect_left(ordered, at + 1) - place for place, at in enumerate(ordered))


def call_from_many_threads(call: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(30) as pool:
        list(pool.map(call, range(CALLS)))


def test_no_second_sees_more_calls_however_long_each_is_on_its_way(name: str) -> None:
    arrivals: list[float] = []
    late = [random.Random(place).choice((0, 0, 0.2)) for place in range(CALLS)]

    def call(place: int) -> None:
        with in_turn(Limit(name, PER_SECOND)):
            time.sleep(late[place])
            arrivals.append(time.monotonic())

    call_from_many_threads(call)
    assert len(arrivals) == CALLS
    assert most_in_any_second(arrivals) <= PER_SECOND


def test_calls_that_arrive_after_their_turn_would_be_too_many(name: str) -> None:
    """The negative control: what took its turns one after the other arrives together, and is counted."""
    arrivals: list[float] = []
    together = threading.Barrier(30)

    def call(place: int) -> None:
        with in_turn(Limit(name, 25)):
            pass
        together.wait()
        arrivals.append(time.monotonic())

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(call, range(30)))
    assert most_in_any_second(arrivals) == 30


def test_all_limits_hold_at_once(name: str) -> None:
    arrivals: list[float] = []

    def call(place: int) -> None:
        with in_turn(Limit(f"{name} {place % 2}", PER_SECOND), Limit(name, PER_SECOND)):
            arrivals.append(time.monotonic())

    call_from_many_threads(call)
    assert most_in_any_second(arrivals) <= PER_SECOND


def test_names_have_paces_of_their_own(server: redis.Redis, name: str) -> None:
    with in_turn(Limit(name, 1)), in_turn(Limit(f"{name} other", 1)):
        assert (server.zcard(f"pace:{name}"), server.zcard(f"pace:{name} other")) == (1, 1)


def test_a_turn_counts_for_a_second_after_its_call_and_is_forgotten_where_the_process_dies(
    server: redis.Redis, name: str
) -> None:
    def counts_until() -> float:
        seconds, microseconds = server.time()
        until = max(score for _, score in server.zscan_iter(f"pace:{name}"))
        return float(until) / 1_000_000 - int(seconds) - int(microseconds) / 1_000_000

    with in_turn(Limit(name, 5)):
        assert 50 < counts_until() <= 60
    assert 0 < counts_until() <= 1
    assert 0 < server.pttl(f"pace:{name}") <= 60_000


def _now(server: redis.Redis) -> int:
    seconds, microseconds = server.time()
    return int(seconds) * 1_000_000 + int(microseconds)


def test_a_clock_that_was_put_back_an_hour_stalls_nobody(forgetful: redis.Redis, name: str) -> None:
    """What the server remembers is what it would remember if its clock had gone an hour further until now."""
    ahead = _now(forgetful) + 3_600_000_000
    forgetful.hset(f"pace:{name}:line", mapping={"place": ahead, "held": 100_000})
    forgetful.hset("pace:began", "at", ahead)
    for place in range(20):
        forgetful.zadd(f"pace:{name}", {f"turn {place}": ahead + (60_000_000 if place % 2 else 1_000_000)})
    arrivals, begun = [], time.monotonic()
    for _ in range(5):
        with in_turn(Limit(name, 20)):
            arrivals.append(time.monotonic() - begun)
    # The turns that were counted then are counted for one second more.
    assert arrivals[0] > 0.9 and arrivals[-1] < 3


def test_a_window_whose_clock_was_put_back_is_held_no_longer_than_was_asked(server: redis.Redis, name: str) -> None:
    window, ahead = Window(name, 3, 2), _now(server) + 3_600_000_000
    server.zadd(f"window:{name}", {f"turn {place}": ahead for place in range(3)})
    assert 0 < take_turn(window) <= 2
    hold_back(window, 7)
    server.hset(f"window:{name}:pause", "until", ahead)
    assert 6 < take_turn(window) <= 7


@pytest.mark.parametrize("case", ["forgot", "another"])
def test_a_window_is_closed_for_its_length_where_the_server_forgot_or_is_another(
    forgetful: redis.Redis, name: str, case: str
) -> None:
    window = Window(name, 2, 0.8)
    assert [take_turn(window), take_turn(window)] == [0, 0]
    forgetful.delete(f"window:{name}")
    if case == "forgot":
        forgetful.delete("pace:began")
    else:
        # It was started again from what it had last saved, or a copy of it took over.
        forgetful.hset("pace:began", "run", "1" * 40)
    wait = take_turn(window)
    assert 0.7 < wait <= 0.8
    time.sleep(wait)
    assert [take_turn(window), take_turn(window)] == [0, 0]
    assert take_turn(window) > 0


def test_a_pause_from_before_the_clock_was_put_back_hides_none_that_is_asked_for_now(
    server: redis.Redis, name: str
) -> None:
    window = Window(name, 3, 2)
    hold_back(window, 1)
    # As far ahead as the clock was put back: half a minute.
    server.hset(f"window:{name}:pause", "until", _now(server) + 31_000_000)
    hold_back(window, 9)
    assert 8 < take_turn(window) <= 9


def test_a_server_that_forgets_everything_lets_no_burst_through(forgetful: redis.Redis, name: str) -> None:
    arrivals: list[float] = []
    flushed = threading.Event()

    def call(place: int) -> None:
        with in_turn(Limit(name, 20)):
            time.sleep(random.Random(place).choice((0, 0.1, 0.2)))
            arrivals.append(time.monotonic())
        if len(arrivals) >= 30 and not flushed.is_set():
            flushed.set()
            forgetful.delete(f"pace:{name}", f"pace:{name}:line", "pace:began")

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(call, range(90)))
    assert (len(arrivals), flushed.is_set()) == (90, True)
    assert most_in_any_second(arrivals) <= 20


def test_what_was_not_used_is_not_saved_up(server: redis.Redis, name: str) -> None:
    """After a pause the turns come one by one again, not all at once."""
    server.hset(f"pace:{name}:line", mapping={"place": 1, "held": 0})
    with in_turn(Limit(name, 10)):
        seconds, microseconds = server.time()
        place = float(server.hget(f"pace:{name}:line", "place") or 0)
        assert place > int(seconds) * 1_000_000 + int(microseconds)


def test_a_server_that_is_not_there_may_come_back(settings: Settings) -> None:
    settings.REDIS_URL = "redis://:secret-7d1f@127.0.0.1:9/0"
    with pytest.raises(Retryable) as raised, in_turn(Limit("test", PER_SECOND)):
        pytest.fail("It is nobody's turn.")
    assert raised.value.message == "The server that keeps the pace can't be reached (ConnectionError)."


def test_a_window_gives_its_turns_and_then_says_when_to_ask_again(name: str) -> None:
    window = Window(name, 3, 60)
    assert [take_turn(window) for _ in range(3)] == [0, 0, 0]
    assert 0 < take_turn(window) <= 60


def test_a_window_rolls(name: str) -> None:
    window = Window(name, 2, 0.2)
    assert [take_turn(window), take_turn(window)] == [0, 0]
    wait = take_turn(window)
    assert 0 < wait <= 0.2
    time.sleep(wait)
    assert take_turn(window) == 0


def test_a_window_gives_no_turn_twice_however_many_ask_at_once(name: str) -> None:
    window = Window(name, 40, 600)
    with ThreadPoolExecutor(30) as pool:
        taken = list(pool.map(lambda _: take_turn(window), range(CALLS)))
    assert taken.count(0) == 40


def test_a_window_that_is_held_back_gives_nothing_and_the_longer_pause_counts(name: str) -> None:
    window, other = Window(name, 3, 60), Window(f"{name} other", 3, 60)
    hold_back(window, 9)
    hold_back(window, 1)
    assert 8 < take_turn(window) <= 9
    assert take_turn(other) == 0
