"""Counts what a process does to the world, and kills it at a chosen effect.

It is put around the libraries by which effects leave the process, the database driver and sockets, so that the
code under test is the code in production.
"""

import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection

_WRITES = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|COPY)\s+(?:INTO\s+|FROM\s+)?[\"]?(\w+)|\s*WITH\b.*\b(UPDATE|INTO)\s+(\w+)"
    # A function that writes.
    r"|\s*SELECT\s+(onlyfans_ingest\w*|jobs_place_run)\b",
    re.S,
)


class Effects:
    """The effects of this process so far, by name; at the chosen one something happens to it."""

    def __init__(self, at: dict[int, Callable[[], None]]) -> None:
        self.names: list[str] = []
        self._at = at
        self._lock = threading.Lock()

    def begin_anew(self, at: dict[int, Callable[[], None]]) -> None:
        """Forget what was, and let other things happen from now on."""
        with self._lock:
            self.names, self._at = [], at

    def happen(self, name: str) -> None:
        """Count an effect, and let happen what is to happen at it."""
        # The heartbeat beats when it will: it is an effect too, but none that can be numbered.
        if threading.current_thread().name == "heartbeat":
            return
        with self._lock:
            self.names.append(name)
            misfortune = self._at.get(len(self.names))
        if misfortune:
            misfortune()


def die() -> None:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep() -> None:
    """Be stopped until somebody continues this process."""
    os.kill(os.getpid(), signal.SIGSTOP)


def lose_connections() -> None:
    """Let the database server cut all connections of this process, as it does when it restarts."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = %s AND pid <> pg_backend_pid()",
            [_me()],
        )


def _me() -> str:
    return f"worker {os.getpid()}"


MISFORTUNES = {"kill_at": die, "sleep_at": sleep, "cut_at": lose_connections}


def introduce() -> None:
    """Let the database know this process's connections by name."""
    os.environ["PGAPPNAME"] = _me()


def watch(effects: Effects, ports: dict[int, str]) -> None:
    """Name every write, every commit and every call to these ports of this machine, for the rest of the process."""
    _watch_database(effects)
    _Calls(effects, ports).watch()


def _watch_database(effects: Effects) -> None:
    _after(psycopg.Cursor, "execute", lambda cursor, query, *_: _name_write(effects, str(query)))
    _after(psycopg.Connection, "commit", lambda *_: effects.happen("commit"))
    copy = psycopg.Cursor.copy

    def watched(cursor: Any, statement: Any, *given: Any, **named: Any) -> Any:
        return _Copy(copy(cursor, statement, *given, **named), lambda: _name_write(effects, str(statement)))

    setattr(psycopg.Cursor, "copy", watched)  # noqa: B010 - a plain assignment would need the method's whole type


class _Copy:
    """A COPY, whose effect is there when it ends."""

    def __init__(self, copy: Any, ended: Callable[[], None]) -> None:
        self._copy, self._ended = copy, ended

    def __enter__(self) -> Any:
        return self._copy.__enter__()

    def __exit__(self, *failure: Any) -> Any:
        answer = self._copy.__exit__(*failure)
        self._ended()
        return answer


def _name_write(effects: Effects, sql: str) -> None:
    if found := _WRITES.match(sql):
        verb, table, changed_by, changed, function = found.groups()
        effects.happen(f"{verb or changed_by or 'call'} {table or changed or function}")


def _after(owner: Any, name: str, do: Callable[..., None]) -> None:
    inner = getattr(owner, name)

    @wraps(inner)
    def watched(*given: Any, **named: Any) -> Any:
        answer = inner(*given, **named)
        do(*given)
        return answer

    setattr(owner, name, watched)


class _Calls:
    """Three moments of each exchange: before it is sent, when it is sent and unanswered, when an answer is there."""

    def __init__(self, effects: Effects, ports: dict[int, str]) -> None:
        self._effects, self._ports = effects, ports
        self._asked: WeakKeyDictionary[socket.socket, str] = WeakKeyDictionary()

    def watch(self) -> None:
        for name in ("send", "sendall"):
            self._around(name, self._before_sending, None)
        for name in ("recv", "recv_into"):
            self._around(name, self._before_receiving, self._received)

    def _around(self, name: str, before: Callable[..., None], after: Callable[..., None] | None) -> None:
        inner = getattr(socket.socket, name)

        @wraps(inner)
        def watched(own: socket.socket, *given: Any, **named: Any) -> Any:
            service = self._service(own)
            if service is None:
                return inner(own, *given, **named)
            before(own, service, *given)
            waited = self._asked.get(own)
            answer = inner(own, *given, **named)
            if after and waited:
                after(own, waited)
            return answer

        setattr(socket.socket, name, watched)

    def _service(self, own: socket.socket) -> str | None:
        try:
            return self._ports.get(own.getpeername()[1])
        except (OSError, IndexError):
            return None

    def _before_sending(self, own: socket.socket, service: str, data: Any, *_: Any) -> None:
        if own not in self._asked:
            first_line = bytes(data[:80]).split(b"\r\n")[0].split(b" HTTP/")[0].split(b"?")[0].decode(errors="replace")
            self._effects.happen(f"before {service} {first_line}")
            self._asked[own] = f"{service} {first_line}"

    def _before_receiving(self, own: socket.socket, service: str, *_: Any) -> None:
        if asked := self._asked.get(own):
            self._effects.happen(f"sent {asked}")

    def _received(self, own: socket.socket, asked: str) -> None:
        self._asked.pop(own, None)
        self._effects.happen(f"answered {asked}")
