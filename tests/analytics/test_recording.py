"""The event log takes each idempotency key once, and keeps what it took."""

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as some

from analytics.models import Event, EventKey, InvalidEvent, NewEvent
from analytics.services.recording import record_event, record_events, record_new
from tests.analytics.waiting import until_somebody_waits
from tests.factories.billing import make_organization

pytestmark = pytest.mark.django_db
# The migration makes the month in which it is applied.
_TELLERS = 4
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def _event(key: str = "k", **values: Any) -> NewEvent:
    return NewEvent(**{"name": "fan.joined", "occurred_at": NOON, "idempotency_key": key, **values})


def test_keeps_all_that_is_told() -> None:
    organization = make_organization()
    told = {"amount_cents": 12_50, "tags": ["a", None, True], "deep": {"text": "ü “quoted” \\u0000"}}
    assert record_event(
        NewEvent(
            name="invoice.paid",
            occurred_at=NOON,
            idempotency_key="invoice.paid:7",
            organization_id=organization.pk,
            creator="ada",
            provider="onlyfans",
            source="billing",
            properties=told,
        )
    )
    event = Event.objects.get()
    assert (event.name, event.occurred_at, event.organization_id) == ("invoice.paid", NOON, organization.pk)
    assert (event.creator, event.provider, event.source) == ("ada", "onlyfans", "billing")
    assert (event.properties, event.idempotency_key) == (told, "invoice.paid:7")
    assert event.recorded_at > NOON
    assert EventKey.objects.get().event_id == event.pk


def test_takes_a_key_once_whatever_else_the_repeat_says() -> None:
    assert record_events([_event("a"), _event("b"), _event("a", name="other")]) == 2
    later = NOON + dt.timedelta(days=70)
    assert record_new([_event("a", occurred_at=later), _event("c", occurred_at=later), _event("b")]) == {"c"}
    assert list(Event.objects.order_by("idempotency_key").values_list("idempotency_key", "name", "occurred_at")) == [
        ("a", "fan.joined", NOON),
        ("b", "fan.joined", NOON),
        ("c", "fan.joined", later),
    ]


@given(
    told=some.lists(
        some.lists(
            some.tuples(some.sampled_from("abcde"), some.integers(-40, 40), some.text("xyz", max_size=2)), max_size=6
        ),
        max_size=6,
    )
)
@examples(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_first_who_tells_of_a_key_is_believed(told: list[list[tuple[str, int, str]]]) -> None:
    first: dict[str, tuple[dt.datetime, str]] = {}
    with transaction.atomic():
        for batch in told:
            news: dict[str, tuple[dt.datetime, str]] = {}
            for key, days, source in batch:
                news.setdefault(key, (NOON + dt.timedelta(days=days), source))
            events = [
                _event(key, occurred_at=NOON + dt.timedelta(days=days), source=source) for key, days, source in batch
            ]
            assert record_new(events) == news.keys() - first.keys()
            first = news | first
        kept = Event.objects.values_list("idempotency_key", "occurred_at", "source")
        assert {key: (at, source) for key, at, source in kept} == first
        assert len(kept) == EventKey.objects.count() == len(first)
        transaction.set_rollback(True)


@pytest.mark.parametrize("year", [1, 1970, 2019, 2399, 9999])
def test_no_instant_lacks_a_partition(year: int) -> None:
    record_event(_event(occurred_at=dt.datetime(year, 3, 1, tzinfo=dt.UTC)))
    assert Event.objects.get().occurred_at.year == year


def test_takes_thousands_in_a_call() -> None:
    many = [_event(f"k{number}", properties={"number": number}) for number in range(12_000)]
    assert record_events(iter(many)) == 12_000
    assert record_events([*many, _event("one more")]) == 1
    assert Event.objects.count() == EventKey.objects.count() == 12_001


def test_nothing_is_recorded_of_nothing() -> None:
    assert record_events([]) == 0


def test_goes_with_the_callers_transaction() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        record_event(_event())
        raise RuntimeError
    assert not Event.objects.exists()
    assert record_event(_event())


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "no spaces"}, "name"),
        ({"name": "n" * 81}, "name"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "k" * 256}, "idempotency_key"),
        ({"creator": "nul\x00"}, "creator"),
        ({"source": "\ud800"}, "source"),
        ({"occurred_at": NOON.replace(tzinfo=None)}, "occurred_at"),
    ],
)
def test_refuses_what_can_not_be_kept(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        _event(**values)
    assert set(caught.value.fields) == {field}


@pytest.mark.parametrize("value", ["\x00", "\ud800", object()])
def test_refuses_properties_that_can_not_be_kept(value: object) -> None:
    with pytest.raises(InvalidEvent):
        record_events([_event("fine"), _event(properties={"deep": [value]})])
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_who_tell_of_the_same_at_once_make_one_event() -> None:
    assert (
        sum(_tell_at_once(lambda number: record_event(_event(occurred_at=NOON + number * dt.timedelta(days=40))))) == 1
    )
    assert Event.objects.count() == EventKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_its_key_an_event_would_be_there_twice() -> None:
    def look_then_write(number: int) -> bool:
        known = Event.objects.filter(idempotency_key="k").exists()
        together.wait(10)
        if not known:
            Event.objects.create(name="fan.joined", occurred_at=NOON, recorded_at=NOON, idempotency_key="k")
        return not known

    together = Barrier(_TELLERS)
    assert _tell_at_once(look_then_write) == [True] * _TELLERS
    assert Event.objects.count() == _TELLERS


@pytest.mark.django_db(transaction=True)
def test_whoever_waited_records_what_the_first_one_took_back() -> None:
    written = Barrier(2)

    def tell(number: int) -> bool:
        if number:
            written.wait(10)
            return record_event(_event(source="second"))
        with suppress(RuntimeError), transaction.atomic():
            record_event(_event(source="first"))
            written.wait(10)
            until_somebody_waits()
            raise RuntimeError
        return False

    assert _tell_at_once(tell, 2) == [False, True]
    assert Event.objects.get().source == "second"


@pytest.mark.django_db(transaction=True)
def test_batches_that_overlap_in_opposite_order_do_not_block_each_other() -> None:
    keys = [f"k{number}" for number in range(3_000)]
    batches = [keys, keys[::-1], keys[1_000:], keys[:2_000][::-1]]
    new = _tell_at_once(lambda number: record_events(_event(key) for key in batches[number]))
    assert sum(new) == Event.objects.count() == 3_000


def _tell_at_once[T](tell: Callable[[int], T], tellers: int = _TELLERS) -> list[T]:
    start = Barrier(tellers)

    def run(number: int) -> T:
        try:
            start.wait(10)
            return tell(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(tellers) as pool:
        return list(pool.map(run, range(tellers)))
