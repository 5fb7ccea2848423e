"""What is recorded while its month is dropped leaves nothing behind that would keep it from being recorded again."""

from threading import Event as Signal
from threading import Thread

import pytest
from django.db import OperationalError, connection, transaction

from analytics.models import Event, EventKey, NewEvent
from analytics.selectors.partitions import list_months
from analytics.services.partitions import drop_month, make_month
from analytics.services.recording import record_event
from common.clock import Month, now
from tests.analytics.waiting import until_somebody_waits

OLD = Month.of(now()).plus(-40)


@pytest.mark.django_db(transaction=True)
def test_an_event_recorded_while_its_month_is_dropped_leaves_no_key_behind() -> None:
    make_month(OLD)
    event = NewEvent(name="a", occurred_at=OLD.starts_at, idempotency_key="k")
    recorded = Signal()
    result: list[int | None] = []

    def drop() -> None:
        recorded.wait(10)
        try:
            result.append(drop_month(OLD))
        except OperationalError:
            # This thread was slow to let it go on: the job tries again.
            result.append(-1)
        finally:
            connection.close()

    dropper = Thread(target=drop)
    dropper.start()
    with transaction.atomic():
        record_event(event)
        recorded.set()
        until_somebody_waits(or_else=lambda: not dropper.is_alive())
    dropper.join()
    if result == [-1]:
        result = [drop_month(OLD)]

    assert result == [1]
    assert OLD not in list_months()
    assert not Event.objects.exists()
    assert not EventKey.objects.exists()
