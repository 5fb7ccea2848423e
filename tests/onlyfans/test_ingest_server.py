"""Earnings through the web server as it runs in production: in chunks, taken in while more arrive, and cut off."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from onlyfans.models import UnmatchedAggregate
from tests.server import running_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
SECRET = "cron-secret-of-these-tests"
_PATIENCE = 60
_HEADERS = {"content-type": "application/json", "x-cron-secret": SECRET}
ROWS = [
    {"userId": f"of_{place}", "month": "2026-10", "currency": "USD", "grossCents": 100, "netCents": 80}
    | {"bucket": "b", "key": f"{'k' * 1_000}{place}", "etag": "e"}
    for place in range(6_000)
]
BODY = json.dumps(ROWS).encode()
# In the middle of a row, behind so many.
_SENT_FIRST = 4_000
CUT = len(json.dumps(ROWS[:_SENT_FIRST])) + 500


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server") / "web.log", CRON_SECRET=SECRET) as url:
        yield urlsplit(url).netloc


class Call:
    """A call whose body is sent piece by piece, in chunks or with its length."""

    def __init__(self, server: str, length: int | None = None) -> None:
        self.connection = http.client.HTTPConnection(server, timeout=_PATIENCE)
        self._has_length = length is not None
        self.connection.putrequest("POST", "/api/ingest/of-aggregates")
        given = _HEADERS | ({"content-length": str(length)} if self._has_length else {"transfer-encoding": "chunked"})
        for name, value in given.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()

    def send(self, part: bytes) -> None:
        self.connection.send(part if self._has_length else b"%x\r\n%b\r\n" % (len(part), part))

    def finish(self) -> tuple[int, dict[str, Any]]:
        if not self._has_length:
            self.connection.send(b"0\r\n\r\n")
        return self.answer()

    def cut_off(self) -> tuple[int, dict[str, Any]]:
        """Send no more, without an end, and hear what is said to that."""
        self.connection.sock.shutdown(socket.SHUT_WR)
        return self.answer()

    def answer(self) -> tuple[int, dict[str, Any]]:
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


def wait_until_taken(count: int) -> None:
    """Wait for rows, which another process writes."""
    deadline = time.monotonic() + _PATIENCE
    while UnmatchedAggregate.objects.count() < count:
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.05)


@pytest.mark.parametrize("length", [None, len(BODY)], ids=["in chunks", "with its length"])
def test_rows_are_taken_in_while_more_arrive(server: str, length: int | None) -> None:
    call = Call(server, length)
    call.send(BODY[:CUT])
    wait_until_taken(3_000)
    assert UnmatchedAggregate.objects.count() <= _SENT_FIRST
    call.send(BODY[CUT:])
    status, answer = call.finish()
    assert (status, answer["counts"], len(answer["outcomes"])) == (200, {"unmatched": 6_000}, 6_000)
    assert UnmatchedAggregate.objects.count() == 6_000


@pytest.mark.parametrize("length", [None, len(BODY)], ids=["in chunks", "with its length"])
def test_what_was_sent_before_the_connection_broke_is_taken_in(server: str, length: int | None) -> None:
    call = Call(server, length)
    call.send(BODY[:CUT])
    status, answer = call.cut_off()
    assert (status, answer["unread"], answer["counts"]) == (400, {"row": 4_000, "byte": CUT}, {"unmatched": 4_000})
    assert answer["error"]["message"].startswith("The body is not valid JSON: it ends too early (byte")
    assert UnmatchedAggregate.objects.count() == 4_000


def test_a_small_body_in_chunks_is_read_like_any_other(server: str) -> None:
    call = Call(server)
    call.send(b"[" + json.dumps(ROWS[0]).encode()[:50])
    call.send(json.dumps(ROWS[0]).encode()[50:] + b"]")
    assert call.finish()[1]["counts"] == {"unmatched": 1}


def test_a_database_that_goes_away_in_between(server: str) -> None:
    call = Call(server)
    call.send(BODY[:CUT])
    wait_until_taken(1_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    call.send(BODY[CUT:])
    status, answer = call.finish()
    taken = len(answer["outcomes"])
    assert (status, answer["error"]["code"], answer["unread"]) == (503, "unavailable", {"row": taken})
    assert 1_000 <= taken < 6_000
    assert UnmatchedAggregate.objects.count() == taken
    again = Call(server)
    again.send(BODY)
    status, answer = again.finish()
    assert (status, answer["counts"]) == (200, {"unmatched": 6_000})
    assert UnmatchedAggregate.objects.count() == 6_000


def test_whoever_still_sends_hears_what_is_wrong_and_may_go_on(server: str) -> None:
    call = Call(server, 8_000_000)
    for part in (b"[}", b" " * 7_999_998):
        call.send(part)
    status, answer = call.answer()
    assert (status, answer["unread"]) == (400, {"row": 0, "byte": 1})
    call.connection.request("POST", "/api/ingest/of-aggregates", json.dumps(ROWS[0]), _HEADERS)
    assert call.answer()[1]["counts"] == {"unmatched": 1}
    assert UnmatchedAggregate.objects.count() == 1
