"""Whatever dies when: everybody hears of it once, and what may be repeated is known for a repeat.

The senders and lookers are processes of their own, killed by SIGKILL; mail goes to the sandbox's SMTP server, webhooks
to an HTTP server on loopback.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from alerts.models import Channel, Incident, Notification
from alerts.providers.webhook import new_secret
from alerts.services import tick
from alerts.services.sending import NOTIFICATIONS, send_waiting
from common.errors import Permanent
from tests.alerts.conftest import Trouble
from tests.alerts.receiver import Receiver
from tests.factories.alerts import make_channel, make_rule
from tests.outside import Outside
from tests.processes import Worker
from workqueue.services import Outcome

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def channels(wired: Outside, receiver: Receiver) -> list[Channel]:
    """A mailbox and a webhook that are told of everything."""
    made = [
        make_channel(address="ops@example.test"),
        make_channel(Channel.Kind.WEBHOOK, url=receiver.url, secret=new_secret()),
    ]
    make_rule(*made)
    return made


@pytest.fixture
def mail(wired: Outside) -> dict[str, str]:
    """Where the processes find the mail server."""
    return {"INVOICE_SMTP_HOST": wired.sandbox.smtp_host, "INVOICE_SMTP_PORT": str(wired.sandbox.smtp_port)}


def start_worker(*words: str, **variables: str) -> Worker:
    """Start a process that looks or sends."""
    # A lease is longer than any test: it ends when a test says so.
    own = {"ALERTS_ALLOW_PRIVATE_ADDRESSES": "1", "ALERTS_LEASE_SECONDS": "3600"}
    return Worker("tests.alerts.worker", *words, **own, **variables)


def look(trouble: Trouble, *scopes: str) -> None:
    trouble.arise(*scopes)
    tick()


def send() -> None:
    send_waiting(seconds=60)


def received(outside: Outside) -> list[int]:
    """How often each different mail was received."""
    return [found["times_received"] for found in outside.list_mails()]


def let_leases_end() -> None:
    Notification.objects.filter(status="working").update(lease_expires_at=Now())


def test_killed_between_opening_and_sending(
    trouble: Trouble, wired: Outside, receiver: Receiver, channels: list[Channel], mail: dict[str, str]
) -> None:
    with start_worker("tick", "billing", "die") as worker:
        assert worker.begin().end() == -9
    assert (received(wired), receiver.requests) == ([], [])
    assert Incident.objects.count() == 1
    with start_worker("send", **mail) as worker:
        assert worker.begin().end() == 0
    look(trouble, "billing")
    send()
    assert received(wired) == [1]
    assert len(receiver.requests) == 1
    assert [row.status for row in Notification.objects.all()] == ["sent", "sent"]


def hold(channel: Channel, until: threading.Event) -> Callable[[], None]:
    """Hold the row on which the outcome of a message is noted, until the event; returns when it is held."""
    held = threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                Channel.objects.select_for_update().get(pk=channel.pk)
                held.set()
                assert until.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(60)
    return thread.join


def test_killed_after_sending_before_writing_it_down(
    trouble: Trouble, receiver: Receiver, channels: list[Channel], mail: dict[str, str]
) -> None:
    hook = channels[1]

    Channel.objects.filter(pk=channels[0].pk).update(is_enabled=False)
    look(trouble, "billing")
    over = threading.Event()
    join = hold(hook, over)
    with start_worker("send", **mail) as sender:
        sender.begin()
        receiver.wait()
        sender.kill()
    over.set()
    join()
    row = Notification.objects.get(channel=hook)
    assert (row.status, row.attempts) == ("working", 1)
    send()
    assert len(receiver.requests) == 1, "nobody may have it before the lease is over"
    let_leases_end()
    send()
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("sent", 2)
    assert receiver.list_ids() == [row.reference, row.reference]
    assert [entry["outcome"] for entry in row.history] == ["unknown", "sent"]


def test_killed_while_the_receiver_listens(trouble: Trouble, mail: dict[str, str]) -> None:
    """Between the claim and the sending: what was only begun arrives once, from the next sender."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        make_rule(make_channel(Channel.Kind.WEBHOOK, url=f"http://127.0.0.1:{port}/hook", secret=new_secret()))
        look(trouble, "billing")
        with start_worker("send", **mail) as sender:
            sender.begin()
            caller, _ = deaf.accept()
            sender.kill()
            caller.close()
    receiver = Receiver(port)
    try:
        send()
        assert receiver.requests == [], "nobody may have it before the lease is over"
        let_leases_end()
        send()
        row = Notification.objects.get()
        assert (row.status, row.attempts, receiver.list_ids()) == ("sent", 2, [row.reference])
    finally:
        receiver.stop()


def test_killed_after_the_mail_server_took_it(
    trouble: Trouble, wired: Outside, channels: list[Channel], mail: dict[str, str]
) -> None:
    box = channels[0]
    Channel.objects.filter(pk=channels[1].pk).update(is_enabled=False)
    look(trouble, "billing")
    over = threading.Event()
    join = hold(box, over)
    with start_worker("send", **mail) as sender:
        sender.begin()
        while not wired.list_mails():
            over.wait(0.02)
        sender.kill()
    over.set()
    join()
    let_leases_end()
    send()
    # The same Message-ID twice: a mail program shows it once.
    assert received(wired) == [2]
    assert wired.list_mails()[0]["message_id"] == f"<alert-{Notification.objects.get().uid.hex}@huntaze.test>"


def test_two_lookers_and_two_senders_at_once(
    wired: Outside, receiver: Receiver, channels: list[Channel], mail: dict[str, str]
) -> None:
    scopes = [f"job{number}" for number in range(12)]
    with ExitStack() as stack:
        lookers = [stack.enter_context(start_worker("tick", *scopes)) for _ in range(2)]
        senders = [stack.enter_context(start_worker("send", **mail)) for _ in range(2)]
        for pair in (lookers, senders):
            assert [worker.begin() for worker in pair]
            assert [worker.end() for worker in pair] == [0, 0]
    assert sorted(Incident.objects.values_list("scope", flat=True)) == sorted(scopes)
    assert received(wired) == [1] * 12
    assert len(receiver.list_ids()) == len(set(receiver.list_ids())) == 12


def test_a_sender_without_the_token_check_would_overwrite(trouble: Trouble, channels: list[Channel]) -> None:
    """The negative control: whose lease is over writes nothing, and would without the token."""
    Channel.objects.filter(pk=channels[0].pk).update(is_enabled=False)
    look(trouble, "billing")
    late = NOTIFICATIONS.claim_given(Notification.objects.get(channel=channels[1]).pk)
    assert late is not None
    let_leases_end()
    assert send_waiting(seconds=10) == 1
    assert NOTIFICATIONS.write([Outcome(late, "dead", Permanent("too late"))]) == 0
    row = Notification.objects.get(pk=late.pk)
    assert (row.status, row.token) == ("sent", 2)
    late.token = row.token
    Notification.objects.filter(pk=late.pk).update(status="working")
    assert NOTIFICATIONS.write([Outcome(late, "dead", Permanent("too late"))]) == 1


def test_an_incident_that_nobody_was_told_of_is_told_at_the_next(trouble: Trouble, channels: list[Channel]) -> None:
    Incident.objects.create(condition="broken", scope="billing", severity="error", title="billing is broken")
    look(trouble, "billing")
    look(trouble, "billing")
    assert Incident.objects.count() == 1
    assert [row.what for row in Notification.objects.all()] == ["opened", "opened"]
