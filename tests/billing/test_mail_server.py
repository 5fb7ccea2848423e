"""The conversation with a mail server: what breaks off in one message never becomes a part of the next."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from itertools import count

import pytest

from common.errors import OutcomeUnknown, Permanent, Retryable
from common.smtp import Mailer, MailServer
from tests.outside import Outside

SENDER = "billing@example.test"


@pytest.fixture
def mailer(outside: Outside) -> Iterator[Mailer]:
    mailer = Mailer(MailServer(outside.sandbox.smtp_host, outside.sandbox.smtp_port))
    yield mailer
    mailer.close()


def send(mailer: Mailer, recipient: str, content: str = "Hello", sender: str = SENDER) -> None:
    message = EmailMessage()
    message["Subject"], message["Message-ID"] = "Greetings", f"<{len(recipient)}-{hash(recipient)}@example.test>"
    message.set_content(content)
    mailer.send(sender, recipient, message)


def arrived(outside: Outside) -> list[tuple[list[str], int]]:
    return [(mail["to"], mail["times_received"]) for mail in outside.list_mails()]


@pytest.mark.parametrize(
    ("stage", "error"), [("mail", Retryable), ("rcpt", Retryable), ("data", OutcomeUnknown)], ids=["from", "to", "data"]
)
def test_a_server_that_hangs_up(outside: Outside, mailer: Mailer, stage: str, error: type[Exception]) -> None:
    send(mailer, "first@example.test")
    match = SENDER if stage == "mail" else "second@example.test"
    # A connection that has gone stale is opened anew without a word, so this one is cut twice.
    times = 2 if stage == "mail" else 1
    outside.refuse_mail(match, stage=stage, action="drop_before", times=times)
    with pytest.raises(error):
        send(mailer, "second@example.test")
    send(mailer, "third@example.test")
    assert arrived(outside) == [(["first@example.test"], 1), (["third@example.test"], 1)]


@pytest.mark.parametrize("stage", ["rcpt", "data"])
@pytest.mark.parametrize(("action", "error"), [("refuse", Permanent), ("defer", Retryable)])
def test_a_server_that_refuses_goes_on_to_serve(
    outside: Outside, mailer: Mailer, stage: str, action: str, error: type[Exception]
) -> None:
    outside.refuse_mail("second@example.test", stage=stage, action=action)
    with pytest.raises(error):
        send(mailer, "second@example.test")
    send(mailer, "third@example.test")
    assert arrived(outside) == [(["third@example.test"], 1)]


def test_an_address_abroad_is_written_as_every_server_takes_it(outside: Outside, mailer: Mailer) -> None:
    send(mailer, "finance@zoë.example")
    assert arrived(outside) == [(["finance@xn--zo-ija.example"], 1)]


def test_an_address_is_not_taken_for_another_host_s(outside: Outside, mailer: Mailer) -> None:
    send(mailer, "rechnung@straße.example")
    assert arrived(outside) == [(["rechnung@xn--strae-oqa.example"], 1)]


def test_what_is_no_address_is_nobody_elses_trouble(outside: Outside, mailer: Mailer) -> None:
    send(mailer, "first@example.test")
    for nonsense in ("zoë@example.test", "nobody@" + "x" * 64 + ".test", "nobody@a..b"):
        with pytest.raises(Permanent, match="is no address that mail can be sent to"):
            send(mailer, nonsense)
    send(mailer, "third@example.test")
    assert arrived(outside) == [(["first@example.test"], 1), (["third@example.test"], 1)]


class Interrupted(BaseException):
    """What a signal may raise in the middle of anything."""


@pytest.mark.parametrize("place", range(1, 5), ids=["from", "to", "data", "message"])
def test_a_conversation_that_was_interrupted_is_not_carried_on(
    outside: Outside, mailer: Mailer, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """The interruption comes while the library waits for one of the answers."""
    send(mailer, "first@example.test")
    plain, answers = smtplib.SMTP.getreply, count(1)

    def interrupt(smtp: smtplib.SMTP) -> tuple[int, bytes]:
        if next(answers) == place:
            raise Interrupted
        return plain(smtp)

    monkeypatch.setattr(smtplib.SMTP, "getreply", interrupt)
    with pytest.raises(Interrupted):
        send(mailer, "second@example.test")
    monkeypatch.undo()
    send(mailer, "third@example.test")
    others = [to for to, _ in arrived(outside) if to != ["second@example.test"]]
    assert others == [["first@example.test"], ["third@example.test"]]
