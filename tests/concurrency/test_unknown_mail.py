"""An e-mail of which nobody knows whether it went out: sent again under the same Message-ID, or held for a person."""

from typing import Any

import pytest

from billing.models import InvoiceAction, InvoiceDelivery
from billing.services.resending import settle_email
from common.errors import Permanent
from jobs.models import JobRun
from jobs.services import rerun
from tests.concurrency.crashes import list_effects, wait_for_leases
from tests.concurrency.fleet import ONE_THREAD, Fleet
from tests.concurrency.world import Look, Outside, World, find_faults_everywhere, make_world, start_billing

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
HOLD = {"settings": {"INVOICE_EMAIL_UNKNOWN": "hold"}}


@pytest.fixture
def world(outside: Outside) -> World:
    return make_world(outside)


@pytest.fixture
def address(world: World) -> str:
    """The address of the first organization."""
    return world.addresses[world.ids[0]]


def cut(outside: Outside, address: str, action: str, times: int = 1) -> None:
    """Cut the connection while a mail to this address is handed over: after it was kept, or before."""
    outside.tell("POST", "/mail/rules", match=address, stage="data", action=action, times=times)


def received(outside: Outside, address: str) -> list[int]:
    """How often each different mail to this address was received."""
    return [mail["times_received"] for mail in outside.list_mails() if mail["to"] == [address]]


def work(fleet: Fleet, run: JobRun, **options: Any) -> JobRun:
    """Let one worker bring a run to its end."""
    (end,) = fleet.work({"runs": [run.pk], **options})
    assert end.get("answer") == [True], end
    run.refresh_from_db()
    return run


def email_of(world: World) -> InvoiceDelivery:
    return InvoiceDelivery.objects.get(invoice__organization=world.ids[0], step="email")


@pytest.mark.parametrize(("action", "times"), [("drop_after", 2), ("drop_before", 1)])
def test_resent_under_the_same_message_id(
    fleet: Fleet, outside: Outside, world: World, address: str, action: str, times: int
) -> None:
    cut(outside, address, action)
    run = work(fleet, start_billing(world))
    assert (run.status, run.done) == ("succeeded", 2)
    assert Look(outside).find_faults(world) == []
    assert received(outside, address) == [times]
    delivery = email_of(world)
    assert (delivery.status, delivery.attempts) == ("done", 2)
    history = run.items.get(key=world.ids[0]).steps["email"]["errors"]
    assert [(error["kind"], error["message"]) for error in history] == [
        ("unknown", "The connection to the mail server broke while the message was handed over.")
    ]


def hold(fleet: Fleet, outside: Outside, world: World, address: str) -> JobRun:
    """Bill with a mail whose outcome nobody knows and which is held."""
    cut(outside, address, "drop_after")
    run = work(fleet, start_billing(world), **HOLD)
    assert (run.status, run.done, run.failed) == ("partial", 1, 1)
    item = run.items.get(key=world.ids[0])
    assert (item.status, item.step) == ("failed", "email")
    assert item.error.startswith("It is not known whether this e-mail went out.")
    assert (email_of(world).status, received(outside, address)) == ("unknown", [1])
    return run


def test_held_until_somebody_says_that_it_arrived(fleet: Fleet, outside: Outside, world: World, address: str) -> None:
    run = hold(fleet, outside, world, address)
    for _ in range(2):
        # Running it again decides nothing.
        again, _ = rerun(run, JobRun.Mode.FAILED, trigger="admin", actor=None, reason="Again.")
        assert work(fleet, again, **HOLD).status == "failed"
    assert (email_of(world).status, received(outside, address)) == ("unknown", [1])
    assert settle_email(email_of(world).pk, was_sent=True, actor=None, reason="They have it.") is None
    again, _ = rerun(run, JobRun.Mode.FAILED, trigger="admin", actor=None, reason="Again.")
    assert work(fleet, again, **HOLD).status == "succeeded"
    assert Look(outside).find_faults(world) == find_faults_everywhere() == []
    assert received(outside, address) == [1]
    action = InvoiceAction.objects.get()
    assert (action.verb, action.reason, action.data) == ("settle", "They have it.", {"was_sent": True, "sequence": 1})
    with pytest.raises(Permanent, match="There is nothing to decide about this e-mail"):
        settle_email(email_of(world).pk, was_sent=False, actor=None, reason="Again?")


def test_held_until_somebody_has_it_sent_again(fleet: Fleet, outside: Outside, world: World, address: str) -> None:
    hold(fleet, outside, world, address)
    again = settle_email(email_of(world).pk, was_sent=False, actor=None, reason="They have nothing.")
    assert again is not None
    assert work(fleet, again, **HOLD).status == "succeeded"
    assert Look(outside).find_faults(world) == find_faults_everywhere() == []
    assert received(outside, address) == [2]


def test_leave_to_send_again_is_for_one_time(fleet: Fleet, outside: Outside, world: World, address: str) -> None:
    hold(fleet, outside, world, address)
    cut(outside, address, "drop_after")
    again = settle_email(email_of(world).pk, was_sent=False, actor=None, reason="They have nothing.")
    assert again is not None
    assert work(fleet, again, **HOLD).status == "failed"
    # It is unknown once more, and so it is a person's to decide once more.
    assert (email_of(world).status, received(outside, address)) == ("unknown", [2])


@pytest.mark.parametrize(
    ("moment", "status", "times"),
    [("sent smtp MIME", "unknown", [1]), ("before smtp MIME", "unknown", []), ("answered http POST", "done", [1])],
    ids=["handed over", "about to be", "long before"],
)
def test_held_where_the_worker_died_while_it_sent(
    fleet: Fleet, outside: Outside, world: World, address: str, moment: str, status: str, times: list[int]
) -> None:
    options = {"settings": {**HOLD["settings"], **ONE_THREAD["settings"]}, "ports": fleet.ports}
    effects = list_effects(fleet, outside)
    place = next(place for place, name in enumerate(effects, start=1) if name.startswith(moment))
    run = start_billing(world)
    (end,) = fleet.work({"runs": [run.pk], "kill_at": place, **options})
    assert end["killed"]
    wait_for_leases([run])
    work(fleet, run, **HOLD)
    assert (email_of(world).status, received(outside, address)) == (status, times)
