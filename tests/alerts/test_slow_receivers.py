"""Who takes their time to answer keeps nobody else's messages, and gets none twice."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from alerts.models import Channel, Notification
from alerts.providers import apprise, http, sns
from alerts.providers.http import post
from alerts.providers.webhook import new_secret
from alerts.services import tick
from alerts.services.sending import NOTIFICATIONS, send_waiting
from common import smtp
from common.errors import OutcomeUnknown, Retryable
from huntaze.settings import Environment
from tests.alerts.conftest import Trouble
from tests.alerts.receiver import Receiver
from tests.factories.alerts import make_channel, make_rule
from tests.slow import Script, answering, drip, say, taking

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def after(seconds: float) -> Script:
    yield seconds, FINE


def hook(url: str) -> Channel:
    return make_channel(Channel.Kind.WEBHOOK, url=url, secret=new_secret())


def call(url: str) -> tuple[int, str]:
    return post(f"{url}/hook", b"{}", {}, service="The receiver", allow_private=True)


def test_a_call_ends_after_ten_seconds() -> None:
    assert http._SECONDS == 10


@pytest.fixture
def _a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_SECONDS", 1.0)


@pytest.mark.usefixtures("_a_second")
def test_a_byte_now_and_then_is_no_answer() -> None:
    with (
        answering(drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000)) as server,
        taking(0.9, 2),
        pytest.raises(OutcomeUnknown, match="may have the message"),
    ):
        call(server.url)


def test_the_status_counts_and_nobody_waits_for_the_rest() -> None:
    with answering(drip(b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nthanks ")) as server, taking(0.9, 3):
        status, said = call(server.url)
    assert (status, said.rstrip("x")) == (200, "thanks ")


def test_a_packed_answer_is_not_unpacked() -> None:
    with answering(say(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc")) as server:
        assert call(server.url) == (200, "")


@pytest.mark.usefixtures("_a_second")
def test_a_name_that_takes_long_to_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve_slowly(*_: Any, **__: Any) -> Any:
        time.sleep(4)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    with taking(0.9, 2), pytest.raises(Retryable, match="can't be resolved"):
        call("http://hook.example.com")


@pytest.mark.django_db
def test_others_are_told_while_one_takes_its_time(trouble: Trouble, receiver: Receiver) -> None:
    """Six messages for each: the slow one gets its own one by one, the other all of them meanwhile."""
    with answering(lambda: after(0.5)) as server:
        channels = hook(receiver.url), hook(server.url)
        make_rule(*channels)
        trouble.arise(*(f"job{number}" for number in range(6)))
        tick()
        with taking(2.9, 6):
            assert send_waiting(20) == 12
        quick, slow = (Notification.objects.filter(channel=channel).order_by("sent_at") for channel in channels)
    assert [row.status for row in [*quick, *slow]] == ["sent"] * 12
    last, fourth = quick[5].sent_at, slow[3].sent_at
    assert last and fourth and last < fourth
    assert (server.calls, server.most_at_once) == (6, 1)
    assert len(set(receiver.list_ids())) == 6


def beside(work: Callable[[], object], seconds: float = 0) -> threading.Thread:
    """Do something in a thread with a connection of its own, a while from now."""

    def run() -> None:
        time.sleep(seconds)
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_what_comes_while_one_takes_its_time_is_told(trouble: Trouble, receiver: Receiver) -> None:
    """Even after the sender's own time, for nobody else may be there to send it."""
    with answering(lambda: after(2.5)) as server:
        slow, quick = hook(server.url), hook(receiver.url)
        make_rule(slow, scopes=["billing"])
        make_rule(quick, scopes=["usage"])
        trouble.arise("billing")
        tick()
        trouble.arise("billing", "usage")
        looker = beside(tick, 1.5)
        with taking(2.4, 5):
            assert send_waiting(1.2) == 2
        looker.join()
    sent = {row.channel: row.sent_at for row in Notification.objects.filter(status="sent")}
    assert sent[quick] < sent[slow]  # type: ignore[operator]  # both were sent


@pytest.mark.django_db(transaction=True)
def test_two_senders_call_nobody_twice_at_once(trouble: Trouble, receiver: Receiver) -> None:
    with answering(lambda: after(0.3)) as server:
        make_rule(hook(server.url), hook(receiver.url))
        trouble.arise(*(f"job{number}" for number in range(5)))
        tick()
        other = beside(lambda: send_waiting(20))
        send_waiting(20)
        other.join()
        assert (server.calls, server.most_at_once) == (5, 1)
    assert len(receiver.list_ids()) == len(set(receiver.list_ids())) == 5
    assert set(Notification.objects.values_list("status", "attempts")) == {("sent", 1)}


@pytest.mark.django_db(transaction=True)
def test_two_that_look_at_the_same_time_take_one_message_of_a_channel(trouble: Trouble, receiver: Receiver) -> None:
    make_rule(hook(receiver.url))
    trouble.arise("billing", "usage")
    tick()
    taken: list[Notification | None] = []
    with transaction.atomic():
        taken.extend(NOTIFICATIONS.claim() or [None])
        other = beside(lambda: taken.extend(NOTIFICATIONS.claim() or [None]))
        other.join(30)
    taken.extend(NOTIFICATIONS.claim() or [None])
    assert [row and row.message["scope"] for row in taken] == ["billing", None, None]


@pytest.mark.parametrize("seconds", ["0.5", "60"])
def test_a_lease_outlasts_every_call(seconds: str) -> None:
    """Else a second sender would send what the first one is sending."""
    with pytest.raises(ValueError, match="alerts_lease_seconds"):
        Environment(alerts_lease_seconds=seconds)
    longest = max(http._SECONDS, sns._SECONDS, apprise._SECONDS, smtp.DEADLINE_SECONDS)
    assert longest + 30 < Environment(alerts_lease_seconds="120").alerts_lease_seconds
