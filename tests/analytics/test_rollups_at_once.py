"""A day is added up while snapshots of it are being written: nothing that is committed later is lost."""

import datetime as dt
import threading
import time

import pytest
from django.db import connection, connections, transaction

from analytics.models import MetricDay, ProviderSnapshot, StaleDay
from analytics.services.rollups import refresh_days
from analytics.services.snapshots import take_snapshots
from tests.analytics.sources import Provider, declared

pytestmark = pytest.mark.django_db(transaction=True)
SLOT = dt.datetime(2026, 10, 14, 6, tzinfo=dt.UTC)
_WAITING = """
    SELECT count(*) FROM (SELECT DISTINCT pid FROM pg_locks WHERE NOT granted) waiting
    WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""


class Refresher:
    """Adds the days up in a thread of its own."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._thread = threading.Thread(target=self._refresh)
        self._thread.start()

    def _refresh(self) -> None:
        try:
            refresh_days(self._provider.name, lambda: None)
        finally:
            connections.close_all()

    def wait_until_it_waits(self) -> None:
        """Return when it waits for a lock of ours."""
        deadline = time.monotonic() + 20
        with connection.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(_WAITING)
                if cursor.fetchone() == (1,):
                    return
                time.sleep(0.01)
        pytest.fail("It does not wait.")

    def join(self) -> None:
        """Return when it is done."""
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def provider() -> Provider:
    """A provider of whom a slot was taken; its day is marked, and nobody has added it up yet."""
    provider = Provider()
    provider.tell("ada", fans=10)
    with declared(provider):
        take_snapshots(provider.source, SLOT, "", "", SLOT)
    return provider


def _fans() -> int:
    return MetricDay.objects.get(metric="fans", is_total=True).closing


def test_what_is_committed_meanwhile_is_added_up(provider: Provider) -> None:
    with declared(provider):
        with transaction.atomic():
            provider.tell("bea", fans=5)
            take_snapshots(provider.source, SLOT, "", "", SLOT)
            refresher = Refresher(provider)
            refresher.wait_until_it_waits()
        refresher.join()

    assert (_fans(), StaleDay.objects.count()) == (15, 0)


def test_a_mark_that_is_only_looked_at_would_lose_it(provider: Provider) -> None:
    """The control: whoever finds the day marked and leaves the mark alone is overtaken."""
    with declared(provider), transaction.atomic():
        ProviderSnapshot.objects.create(
            provider=provider.name, creator="bea", slot_at=SLOT, read_at=SLOT, metrics={"fans": 5}
        )
        StaleDay.objects.get_or_create(provider=provider.name, day=SLOT.date(), defaults={"marked_at": SLOT})
        Refresher(provider).join()

    assert (_fans(), StaleDay.objects.count()) == (10, 0)
