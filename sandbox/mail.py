"""A mail server that takes everything it is not told to refuse, and keeps it."""

import asyncio
import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sandbox.faults import BadRule, Faults

STAGES = {"auth", "mail", "rcpt", "data"}
ACTIONS = {"refuse", "defer", "drop_before", "drop_after"}
REFUSED_DOMAIN = "@refused.invalid"
_CODES = {"refuse": 550, "defer": 451}
_TEXTS = {"refuse": "5.1.1 The recipient does not exist", "defer": "4.7.1 Try again later"}
_LARGEST = 40 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    received_at REAL NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    login TEXT,
    subject TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_message_id ON mails (message_id);
"""


@dataclass
class Mail:
    """One message as it was received."""

    number: int
    message_id: str
    received_at: float
    sender: str
    recipients: list[str]
    login: str | None
    subject: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class Rule:
    """What befalls a sender's or recipient's address (`a@b.c`, `@b.c` or `*`) at one stage of the dialogue.

    `drop_before` cuts the connection with nothing kept; `drop_after`, at `data`, keeps the message and then cuts
    the connection, so that its sender cannot know.
    """

    match: str
    action: str = "refuse"
    stage: str = "rcpt"
    code: int = 0
    text: str = ""
    times: int | None = None
    fired: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS or self.stage not in STAGES:
            raise BadRule(f"action is one of {', '.join(sorted(ACTIONS))}; stage one of {', '.join(sorted(STAGES))}")
        if self.action == "drop_after" and self.stage != "data":
            raise BadRule("drop_after needs stage data: only then is there a message to keep")
        self.code = self.code or (535 if self.stage == "auth" else _CODES.get(self.action, 421))
        self.text = self.text or _TEXTS.get(self.action, "")

    def takes(self, stage: str, addresses: list[str]) -> bool:
        if self.stage != stage or (self.times is not None and self.fired >= self.times):
            return False
        wanted = self.match.lower()
        if not any(_fits(wanted, address.lower()) for address in addresses):
            return False
        self.fired += 1
        return True


def _fits(wanted: str, address: str) -> bool:
    return wanted in {"*", address} or (wanted.startswith("@") and address.endswith(wanted))


class Mailbox:
    """The messages, and the rules by which some are not taken."""

    def __init__(self, path: Path | None, faults: Faults) -> None:
        self._connection = sqlite3.connect(str(path) if path else ":memory:", isolation_level=None)
        self._connection.executescript(_SCHEMA)
        self.faults = faults
        self.rules: list[Rule] = []
        self.reset_rules()

    def close(self) -> None:
        self._connection.close()

    def reset_rules(self) -> None:
        self.rules = [Rule(REFUSED_DOMAIN)]

    def add_rule(self, **values: Any) -> Rule:
        """Puts a rule in front of the others. Raises BadRule."""
        try:
            rule = Rule(**values)
        except TypeError as error:
            raise BadRule(str(error).replace("Rule.__init__() ", "")) from error
        self.rules.insert(0, rule)
        return rule

    def describe_rules(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self.rules]

    def rule_for(self, stage: str, addresses: list[str]) -> Rule | None:
        return next((rule for rule in self.rules if rule.takes(stage, addresses)), None)

    def keep(self, envelope: Envelope, login: str | None) -> None:
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        headers = message_from_bytes(raw, policy=policy.default)
        recipients = json.dumps(envelope.rcpt_tos)
        row = (str(headers.get("Message-ID", "")).strip(), time.time(), envelope.mail_from or "", recipients, login)
        self._connection.execute(
            "INSERT INTO mails (message_id, received_at, sender, recipients, login, subject, raw)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, str(headers.get("Subject", "")), raw),
        )

    def all(self, limit: int = -1) -> Iterator[Mail]:
        """Messages, newest first."""
        for row in self._connection.execute("SELECT * FROM mails ORDER BY number DESC LIMIT ?", (limit,)):
            yield _mail(row)

    def find(self, number: int) -> Mail | None:
        row = self._connection.execute("SELECT * FROM mails WHERE number = ?", (number,)).fetchone()
        return _mail(row) if row else None

    def count(self) -> int:
        number: int = self._connection.execute("SELECT count(*) FROM mails").fetchone()[0]
        return number

    def summary(self, **filters: str) -> list[dict[str, Any]]:
        """One entry a Message-ID, oldest first, with the number of times that it was received."""
        rows = self._connection.execute(
            "SELECT min(number), message_id, min(received_at), sender, recipients, login, subject, length(raw),"
            " count(*)"
            " FROM mails GROUP BY CASE message_id WHEN '' THEN number ELSE message_id END ORDER BY min(number)"
        )
        names = ("number", "message_id", "received_at", "from", "to", "login", "subject", "size", "times_received")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for entry in found:
            entry["to"] = json.loads(entry["to"])
        return [entry for entry in found if _matches(entry, filters)]

    def clear(self) -> None:
        self._connection.execute("DELETE FROM mails")


def _mail(row: tuple[Any, ...]) -> Mail:
    number, message_id, received_at, sender, recipients, login, subject, raw = row
    return Mail(number, message_id, received_at, sender, json.loads(recipients), login, subject, raw)


def _matches(entry: dict[str, Any], filters: dict[str, str]) -> bool:
    if "to" in filters and filters["to"] not in entry["to"]:
        return False
    return all(entry[name] == filters[name] for name in ("message_id", "subject", "from") if name in filters)


class Handler:
    """The dialogue with one client, by the rules of the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._refusal(server, "mail", [address]):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._refusal(server, "rcpt", [address]):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await self.mailbox.faults.delay("mail")
        rule = self.mailbox.rule_for("data", [*envelope.rcpt_tos, envelope.mail_from or ""])
        login = session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None
        if rule is None or rule.action == "drop_after":
            self.mailbox.keep(envelope, login)
        return _say(server, rule) if rule else "250 Kept"

    def _refusal(self, server: SMTP, stage: str, addresses: list[str]) -> str | None:
        rule = self.mailbox.rule_for(stage, addresses)
        return _say(server, rule) if rule else None


def _say(server: SMTP, rule: Rule) -> str:
    if rule.action.startswith("drop") and isinstance(server.transport, asyncio.Transport):
        server.transport.abort()
    return f"{rule.code} {rule.text}"


async def start(mailbox: Mailbox, port: int) -> asyncio.Server:
    """Listens for mail on a port of this machine; 0 takes a free one."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth: Any) -> AuthResult:
        login = auth.login.decode() if isinstance(auth, LoginPassword) else ""
        rule = mailbox.rule_for("auth", [login])
        if rule:
            return AuthResult(success=False, handled=False, message=f"{rule.code} 5.7.8 Authentication failed")
        return AuthResult(success=True, auth_data=auth)

    def protocol() -> SMTP:
        return SMTP(
            Handler(mailbox),
            data_size_limit=_LARGEST,
            hostname="sandbox",
            ident="Mail sandbox",
            authenticator=authenticate,
            auth_require_tls=False,
        )

    return await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
