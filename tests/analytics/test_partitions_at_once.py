"""A month gets its table while others write into the log."""

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, Thread
from threading import Event as Signal

import pytest
from django.db import OperationalError, connection, transaction

from analytics.models import NewEvent
from analytics.selectors.partitions import name_table
from analytics.services.partitions import make_month
from analytics.services.recording import record_event
from tests.analytics.months import OLD, list_tables
from tests.analytics.waiting import until_somebody_waits


@pytest.mark.usefixtures("_months_as_before")
def test_a_month_is_made_while_others_record_into_it() -> None:
    written, going, over = [0, 0], Barrier(3), Signal()

    failures: list[Exception] = []

    def record(writer: int) -> None:
        try:
            going.wait(10)
            while not over.is_set():
                key = f"{writer}:{written[writer]}"
                record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key=key))
                written[writer] += 1
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    writers = [Thread(target=record, args=[writer]) for writer in range(2)]
    for writer in writers:
        writer.start()
    going.wait(10)
    try:
        made = _insist(lambda: make_month(OLD))
    finally:
        over.set()
        for writer in writers:
            writer.join()
    assert (failures, made is None) == ([], False)
    assert set(list_tables().values()) <= {name_table(OLD)}
    assert len(list_tables()) == sum(written)


def _insist(make: Callable[[], int | None]) -> int | None:
    """Try until nobody is in the way, as the job does."""
    for _ in range(200):
        with suppress(OperationalError):
            return make()
    raise AssertionError("Somebody was always in the way")


@pytest.mark.usefixtures("_months_as_before")
def test_what_somebody_is_recording_moves_into_the_month_made_meanwhile() -> None:
    recorded = Signal()
    result: list[int | None] = []

    def make() -> None:
        recorded.wait(10)
        try:
            result.append(make_month(OLD))
        except OperationalError:
            # This thread was slow to let it go on: the job tries again.
            result.append(-1)
        finally:
            connection.close()

    maker = Thread(target=make)
    maker.start()
    with transaction.atomic():
        record_event(NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="k"))
        recorded.set()
        until_somebody_waits(or_else=lambda: not maker.is_alive())
    maker.join()
    if result == [-1]:
        result = [make_month(OLD)]
    assert result == [1]
    assert list_tables() == {"k": name_table(OLD)}
