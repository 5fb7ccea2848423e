"""One mail server, spoken to step by step, so that it is known how far a message got."""

import email.policy
import smtplib
import socket
import ssl
import threading
from dataclasses import dataclass
from email.message import Message

from django.conf import settings

from common.bounds import BoundedSocket, bounded, limit, make_bounded, resolve
from common.errors import Misconfigured, OutcomeUnknown, Permanent, Retryable, WorkError
from common.hosts import to_ascii

# Each step; all of a message, from the connection to the server's last word; all of a goodbye.
_TIMEOUT_SECONDS = 30
DEADLINE_SECONDS = 60
_GOODBYE_SECONDS = 5
# What a server says to one message.
_MOST_BYTES = 1_000_000
_MESSAGES_A_CONNECTION = 100


def _to_wire(address: str) -> str:
    """Write an address as every mail server takes it: the domain in ASCII."""
    name, _, domain = address.rpartition("@")
    try:
        return f"{name.encode('ascii').decode()}@{to_ascii(domain).encode('idna').decode()}"
    except UnicodeError:
        raise Permanent(f"{address} is no address that mail can be sent to.") from None


@dataclass(frozen=True)
class MailServer:
    """Where and as whom to send."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    use_tls: bool = False

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


class _Connection(smtplib.SMTP):
    """A connection that keeps within the bounds of the call that uses it."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        problem = OSError("The name leads nowhere.")
        for found in resolve(host, port):
            try:
                return BoundedSocket.adopt(socket.create_connection(found[4][:2], limit(timeout)))
            except OSError as error:
                problem = error
        raise problem


class Mailer:
    """A connection that is opened when needed and used for many messages; one thread's own."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None
        self._sent = 0

    def send(self, sender: str, recipient: str, message: Message) -> None:
        """Send a message to one recipient.

        Raises Permanent where the server refuses the recipient or the message, Retryable where nothing was sent,
        Misconfigured where the log-in fails, and OutcomeUnknown where the connection broke while it was handed over.
        """
        with bounded(DEADLINE_SECONDS, _MOST_BYTES):
            self._send(_to_wire(sender), recipient, message.as_bytes(policy=email.policy.SMTP))
        self._sent += 1
        if self._sent >= _MESSAGES_A_CONNECTION:
            self.close()

    def _send(self, sender: str, recipient: str, content: bytes) -> None:
        wire_recipient = _to_wire(recipient)
        try:
            smtp = self._begin(sender)
            self._address(smtp, wire_recipient, recipient)
            self._hand_over(smtp, content)
        except WorkError:
            raise
        except BaseException:
            # What was left half said would be answered in the middle of the next message.
            self._drop()
            raise

    def _address(self, smtp: smtplib.SMTP, wire_recipient: str, recipient: str) -> None:
        try:
            reply = smtp.rcpt(wire_recipient)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Retryable(f"The mail server hung up ({type(error).__name__}).") from None
        self._expect(reply, f"the recipient {recipient}")

    def _hand_over(self, smtp: smtplib.SMTP, content: bytes) -> None:
        try:
            code, answer = smtp.data(content)
        except smtplib.SMTPDataError as error:
            code, answer = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        except (OSError, smtplib.SMTPException):
            self._drop()
            raise OutcomeUnknown("The connection to the mail server broke while the message was handed over.") from None
        self._expect((code, answer), "the message")

    def close(self) -> None:
        """Say goodbye."""
        smtp, self._smtp, self._sent = self._smtp, None, 0
        if smtp is not None:
            try:
                with bounded(_GOODBYE_SECONDS, _MOST_BYTES):
                    smtp.quit()
            except (OSError, smtplib.SMTPException):
                smtp.close()

    def _drop(self) -> None:
        """Leave without a word: the other side would take it for something else, or is not there."""
        smtp, self._smtp, self._sent = self._smtp, None, 0
        if smtp is not None:
            smtp.close()

    def _begin(self, sender: str) -> smtplib.SMTP:
        """Open a transaction, on the connection at hand or, where that has gone stale, on a new one."""
        for fresh in (False, True):
            smtp = self._open(fresh=fresh)
            try:
                code, answer = smtp.mail(sender)
            except (OSError, smtplib.SMTPException) as error:
                self.close()
                if fresh:
                    raise Retryable(f"The mail server hung up ({type(error).__name__}).") from None
                continue
            self._expect((code, answer), f"the sender {sender}")
            return smtp
        raise Retryable("The mail server hung up.")

    def _open(self, *, fresh: bool) -> smtplib.SMTP:
        if self._smtp is not None and not fresh:
            return self._smtp
        self.close()
        try:
            smtp = _Connection(self._server.host, self._server.port, timeout=_TIMEOUT_SECONDS)
            if self._server.use_tls:
                smtp.starttls(context=make_bounded(ssl.create_default_context()))
            if self._server.username:
                smtp.login(self._server.username, self._server.password)
            else:
                smtp.ehlo_or_helo_if_needed()
        except smtplib.SMTPAuthenticationError:
            raise Misconfigured("The mail server refuses INVOICE_SMTP_USERNAME and INVOICE_SMTP_PASSWORD.") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Retryable(f"The mail server can't be reached ({type(error).__name__}).") from None
        self._smtp = smtp
        return smtp

    def _expect(self, reply: tuple[int, bytes], what: str) -> None:
        code, answer = reply
        if code < 400:
            return
        if self._smtp is not None:
            try:
                self._smtp.rset()
            except (OSError, smtplib.SMTPException):
                self.close()
        said = answer.decode(errors="replace")[:200]
        if code >= 500:
            raise Permanent(f"The mail server refused {what}: {code} {said}")
        raise Retryable(f"The mail server put off {what}: {code} {said}")


_threads = threading.local()


def get_mailer() -> Mailer:
    """Return this thread's connection to the mail server that settings name."""
    server = get_mail_server()
    if getattr(_threads, "server", None) != server:
        _threads.server, _threads.mailer = server, Mailer(server)
    mailer: Mailer = _threads.mailer
    return mailer


def get_mail_server() -> MailServer:
    """Return the mail server that settings name; Misconfigured where they name none."""
    if not settings.EMAIL_HOST:
        raise Misconfigured("INVOICE_SMTP_HOST is not set.")
    return MailServer(
        settings.EMAIL_HOST,
        settings.EMAIL_PORT,
        settings.EMAIL_HOST_USER,
        settings.EMAIL_HOST_PASSWORD,
        settings.EMAIL_USE_TLS,
    )
