"""The cron API behind the real web server: many callers at once, and a broker that is down or says nothing."""

import http.client
import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from accounts.models import User
from jobs.models import JobRun
from tests.jobs.api.conftest import CALLERS, SECRET
from tests.server import free_ports, running_server, spare_redis_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
EVENT = json.loads((CALLERS / "eventbridge-rule.json").read_text())["body"]
# EventBridge gives up after that.
_PATIENCE_SECONDS = 5
_CALLERS, _CALLS_EACH = 40, 5


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server") / "web.log", CRON_SECRET=SECRET) as url:
        yield url


def call(
    connection: http.client.HTTPConnection, body: Any, path: str = "/api/cron/hourly-usage", **headers: str
) -> tuple[int, dict[str, Any]]:
    """Call over a connection that is kept."""
    given = {"content-type": "application/json", "x-cron-secret": SECRET, **headers}
    connection.request("POST", path, json.dumps(body), given)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def connect(url: str) -> http.client.HTTPConnection:
    """Open a connection with a caller's patience."""
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=_PATIENCE_SECONDS)


def call_at_once(url: str, body: Any, callers: int, calls_each: int) -> list[tuple[int, dict[str, Any]]]:
    """Call from so many threads, none of which begins before all are connected."""
    together = Barrier(callers)

    def caller(_: int) -> list[tuple[int, dict[str, Any]]]:
        connection = connect(url)
        connection.timeout = 60
        connection.connect()
        together.wait()
        return [call(connection, body) for _ in range(calls_each)]

    with ThreadPoolExecutor(callers) as pool:
        return [answer for answers in pool.map(caller, range(callers)) for answer in answers]


def test_two_hundred_identical_deliveries_at_once_are_one_run(server: str) -> None:
    answers = call_at_once(server, EVENT, _CALLERS, _CALLS_EACH)
    run = JobRun.objects.get()
    assert Counter(status for status, _ in answers) == {202: 1, 200: 199}
    assert {answer["runId"] for _, answer in answers} == {run.pk}


def test_a_body_that_comes_in_chunks_is_read_like_any_other(server: str) -> None:
    """Proxies that stream send no length; what they bring must not be taken for nothing."""

    def send(body: bytes) -> tuple[int, dict[str, Any]]:
        connection = connect(server)
        given = {"content-type": "application/json", "x-cron-secret": SECRET}
        parts = iter([body[:10], body[10:]])
        connection.request("POST", "/api/cron/hourly-usage", parts, given, encode_chunked=True)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    body = json.dumps({"id": "chunked", "hour": "2026-11-20T10:00:00Z"}).encode()
    first, second = send(body), send(body)
    assert (first[0], second[0], second[1]["runId"]) == (202, 200, first[1]["runId"])
    assert JobRun.objects.get().params["hour"] == "2026-11-20T10:00:00Z"
    assert send(json.dumps({"hour": "nonsense"}).encode())[0] == 400
    assert send(b'{"hour": "' + b"x" * 100_000 + b'"}')[0] == 413


def test_deliveries_that_nothing_tells_apart_are_a_run_each(server: str) -> None:
    answers = call_at_once(server, {}, 8, 2)
    assert Counter(status for status, _ in answers) == {202: 16}
    assert JobRun.objects.count() == len({answer["runId"] for _, answer in answers}) == 16


@pytest.mark.parametrize("broker", ["down", "silent"])
def test_the_answer_does_not_wait_for_the_broker(tmp_path: Path, broker: str) -> None:
    with socket.socket() as listener:
        if broker == "silent":
            # Connections are taken by the kernel, and nobody ever says a word on them.
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
        port = listener.getsockname()[1] if broker == "silent" else free_ports(1)[0]
        redis_url = f"redis://127.0.0.1:{port}/0"
        with running_server(tmp_path / "web.log", CRON_SECRET=SECRET, REDIS_URL=redis_url) as url:
            connection = connect(url)
            answers = [call(connection, {**EVENT, "id": str(number)}) for number in range(3)]
            assert [status for status, _ in answers] == [202] * 3
            assert call(connection, {**EVENT, "id": "0"})[0] == 200
    assert JobRun.objects.filter(status="queued").count() == 3


def test_whoever_waits_hears_from_the_workers(tmp_path: Path) -> None:
    # A broker of its own, for workers take whatever is rung for.
    redis_url = spare_redis_url()
    with redis.Redis.from_url(redis_url) as broker:
        broker.flushdb()
    with running_server(tmp_path / "web.log", worker=True, CRON_SECRET=SECRET, REDIS_URL=redis_url) as url:
        connection = connect(url)
        connection.timeout = 60
        # A worker on a busy machine may take longer to begin than one call waits.
        for _ in range(4):
            status, answer = call(connection, EVENT, "/api/cron/hourly-usage?wait=25")
            if answer["status"] not in {"queued", "running"}:
                break
    run = JobRun.objects.get()
    assert (run.status, run.params) == ("succeeded", {"hour": "2026-11-01T01:00:00Z"})
    assert (status, answer["runId"], answer["status"], answer["success"]) == (200, run.pk, "succeeded", True)


def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    User.objects.create_user("somebody@example.test", "password-of-somebody")
    log = tmp_path / "web.log"
    with running_server(log, CRON_SECRET=SECRET, API_KEYS="server-key-of-the-tests", LOG_LEVEL="DEBUG") as url:
        connection = connect(url)
        call(connection, {})
        call(connection, {"secret": SECRET}, f"/api/cron/hourly-usage?token={SECRET}")
        call(connection, {}, **{"x-cron-secret": "mistaken-secret-of-a-caller"})
        call(connection, {}, **{"authorization": f"Bearer {SECRET}", "x-request-id": "the-request"})
        call(connection, {"email": "somebody@example.test", "password": "password-of-somebody"}, "/api/auth/token")
        _, tokens = call(connection, {"email": "x@example.test", "password": "mistaken-password"}, "/api/auth/token")
        call(connection, {"plan": "x"}, "/api/billing/commission", **{"x-api-key": "server-key-of-the-tests"})
    written = log.read_text()
    assert "the-request" in written and "/api/auth/token" in written
    for secret in (SECRET, "mistaken", "password-of-somebody", "server-key-of-the-tests", "eyJ"):
        assert secret not in written
    assert not tokens["success"]
