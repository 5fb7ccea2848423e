"""Workers killed between storing an event and processing it, and at any effect of processing: nothing is lost."""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from billing.models import StripeEvent, StripeRecord
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.concurrency.stripe import Market
from tests.concurrency.world import Outside

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
_AT_ONCE, _MOST_EFFECTS = 10, 60
_TOLD = ("invoice.finalized", "invoice.payment_failed", "invoice.paid", "charge.refunded")


class Fates:
    """Invoices that were each declined, paid and paid back, and the events about them."""

    def __init__(self, outside: Outside, count: int) -> None:
        self.market = Market(outside, organizations=1, months=count)
        self.ids = list(self.market.stripe_ids.values())
        for stripe_id in self.ids:
            for what, given in (("fail", {}), ("pay", {}), ("refund", {"amount": 500})):
                outside.tell("POST", f"/stripe/invoices/{stripe_id}/{what}", **given)
        self._events = [event for event in outside.list_objects("event") if event["type"] in _TOLD]
        self._charges = {charge["id"]: charge for charge in outside.list_objects("charge")}
        payments = outside.list_objects("invoice_payment")
        self._invoices = {payment["payment"]["payment_intent"]: payment["invoice"] for payment in payments}

    def write(self, file: Path, stripe_id: str) -> str:
        """Write down the events about an invoice, one a line."""
        mine = [event for event in self._events if self._tells_of(event) == stripe_id]
        assert len(mine) == 4
        file.write_text("".join(json.dumps(event) + "\n" for event in mine))
        return str(file)

    def _tells_of(self, event: dict[str, Any]) -> str:
        thing = event["data"]["object"]
        return str(self._invoices.get(thing.get("payment_intent", ""), thing["id"]))

    def list_rows(self) -> dict[str, list[int]]:
        """List the stored events by the invoice that they are about."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for pk, body in StripeEvent.objects.order_by("id").values_list("pk", "body"):
            found[self._tells_of(body)].append(pk)
        return found

    def find_faults(self) -> dict[str, Any]:
        """Say what is known of invoices and is not what Stripe has."""
        there = self.market.look_there()
        return {id_: seen for id_, seen in self.market.look().items() if seen != there[id_]}


def wait_for_leases() -> None:
    """Wait until every lease of events has ended, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM max(lease_expires_at) - clock_timestamp()) FROM billing_stripeevent "
            "WHERE status = 'running'"
        )
        (left,) = cursor.fetchone()
    time.sleep(max(0.0, float(left or 0)) + 0.01)


def test_a_door_killed_once_the_event_is_stored(fleet: Fleet, outside: Outside, tmp_path: Path) -> None:
    """The bell is never rung; whoever looks next finds the row."""
    fates = Fates(outside, 1)
    file = fates.write(tmp_path / "events", fates.ids[0])
    (end,) = fleet.let_loose({"do": "take_events", "file": file, "ports": {}, "kill_at": 1})
    assert end["killed"]
    assert list(StripeEvent.objects.values_list("status", "attempts")) == [("waiting", 0)]
    assert not StripeRecord.objects.exists()
    fleet.let_loose({"do": "take_events", "file": file})
    assert StripeEvent.objects.count() == 4
    fleet.let_loose({"do": "process_events", "expected": 4})
    assert fates.find_faults() == {}
    assert set(StripeEvent.objects.values_list("status", flat=True)) == {"done"}


def test_a_worker_killed_at_any_effect(fleet: Fleet, outside: Outside, tmp_path: Path) -> None:
    fates = Fates(outside, _MOST_EFFECTS + 1)
    files = [fates.write(tmp_path / stripe_id, stripe_id) for stripe_id in fates.ids]
    fleet.let_loose(*({"do": "take_events", "file": file} for file in files))
    rows = fates.list_rows()
    watched, *others = (rows[stripe_id] for stripe_id in fates.ids)
    (end,) = fleet.let_loose(_process(watched, ports=fleet.ports))
    effects: list[str] = end["effects"]
    assert sum(effect.startswith("sent http GET") for effect in effects) == 9
    assert 20 < len(effects) <= _MOST_EFFECTS
    specs = [
        _process(events, ports=fleet.ports, kill_at=place)
        for place, events in enumerate(others[: len(effects)], start=1)
    ]
    for part in batched(specs, _AT_ONCE):
        assert all(end["killed"] for end in fleet.let_loose(*part))
    wait_for_leases()
    fleet.let_loose(*({"do": "process_events", "expected": len(files) * 4} for _ in range(2)))
    assert set(StripeEvent.objects.values_list("status", flat=True)) == {"done"}
    assert fates.find_faults() == {}


def _process(events: Sequence[int], **spec: Any) -> dict[str, Any]:
    return {"do": "process_events", "events": list(events), **spec, **ONE_THREAD}


def test_nothing_but_the_end_of_a_lease_brings_back_what_the_dead_had(
    fleet: Fleet, outside: Outside, tmp_path: Path
) -> None:
    """With a lease that never ends, what a worker had in hand when it was killed would stay with it."""
    fates = Fates(outside, 1)
    fleet.let_loose({"do": "take_events", "file": fates.write(tmp_path / "events", fates.ids[0])})
    rows = fates.list_rows()[fates.ids[0]]
    (end,) = fleet.let_loose(_process(rows, ports=fleet.ports))
    place = next(place for place, effect in enumerate(end["effects"], start=1) if effect.startswith("sent http"))
    fates.market.forget()
    fleet.let_loose({"do": "take_events", "file": fates.write(tmp_path / "again", fates.ids[0])})
    rows = fates.list_rows()[fates.ids[0]]
    assert fleet.let_loose(_process(rows, ports=fleet.ports, kill_at=place))[0]["killed"]
    assert StripeEvent.objects.filter(status="working").exists()
    StripeEvent.objects.filter(status="working").update(lease_expires_at=None)
    fleet.let_loose(_process(rows))
    assert StripeEvent.objects.filter(status="working").exists()
