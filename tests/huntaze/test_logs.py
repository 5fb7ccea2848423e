"""The log: one line an event, with what was being worked on, without secrets; other handlers' records untouched."""

import json
import logging
from collections.abc import Iterator

import pytest
from django.test import Client, RequestFactory
from pytest_django import Settings

from common.redaction import find_secrets
from common.trail import bound
from huntaze import logs
from huntaze.settings import Environment
from tests.logbook import Log, logging_to_memory

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.s1gn4tur3"
PLANTED = {
    "stripe": "sk_live_51Hplanted",
    "bearer": "planted7d1fplanted",
    "url": "planted-in-an-address",
    "jwt": JWT,
    "known": "plantedcronsecret",
}


@pytest.fixture
def known(settings: Settings) -> Iterator[None]:
    """An installation with a secret that has no shape."""
    settings.KNOWN_SECRETS = (PLANTED["known"],)
    logs.redactor.cache_clear()
    yield
    logs.redactor.cache_clear()


@pytest.fixture
def written(known: None) -> Iterator[Log]:
    """What `tested` logs, as JSON lines."""
    with logging_to_memory("json") as read:
        yield read


def _leave_secrets() -> None:
    logger = logging.getLogger("tested")
    headers = {"Authorization": f"Bearer {PLANTED['bearer']}"}
    logger.info("Calling with %s and %s", headers, PLANTED["stripe"], extra={"cron_secret": "x", "url": "http://ok"})
    logger.info("Connecting to postgres://huntaze:%s@db/name", PLANTED["url"])
    logger.warning("Refused %s", PLANTED["known"], extra={"given": [PLANTED["jwt"]]})
    try:
        raise RuntimeError(f"no such key: {PLANTED['stripe']} {PLANTED['known']}")
    except RuntimeError as error:
        logger.exception("It failed: %s", error, stack_info=True)


def test_no_secret_reaches_the_log(written: Log) -> None:
    _leave_secrets()
    assert [secret for secret in PLANTED.values() if secret in written()] == []
    first, second, third, fourth = map(json.loads, written().splitlines())
    assert first["message"] == "Calling with {'Authorization': '[secret]'} and [secret]"
    assert (first["cron_secret"], first["url"]) == ("[secret]", "http://ok")
    assert second["message"] == "Connecting to postgres://huntaze:[secret]@db/name"
    assert (third["message"], third["given"], third["level"]) == ("Refused [secret]", ["[secret]"], "WARNING")
    assert fourth["message"] == "It failed: no such key: [secret] [secret]"
    assert fourth["exc_info"].endswith("RuntimeError: no such key: [secret] [secret]")
    assert "test_logs.py" in fourth["exc_info"]


def test_text_is_as_discreet_and_says_what_was_worked_on(known: None) -> None:
    with logging_to_memory("text") as read, bound(run=42, item="org_1"):
        _leave_secrets()
    written = read()
    assert [secret for secret in PLANTED.values() if secret in written] == []
    assert "INFO tested: Connecting to postgres://huntaze:[secret]@db/name [run=42 item=org_1]\n" in written
    assert "RuntimeError: no such key: [secret] [secret]" in written


def test_other_handlers_get_the_record_as_it_was(written: Log, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tested")
    logging.getLogger("tested").info("Calling with %s", PLANTED["stripe"])
    assert caplog.records[0].args == (PLANTED["stripe"],)
    assert PLANTED["stripe"] not in written()


def test_a_line_says_when_and_what_was_worked_on(written: Log) -> None:
    with bound(request_id="abc", run=7, job="monthly-billing"):
        logging.getLogger("tested").info("Looked", extra={"job": "another"})
    entry = json.loads(written())
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "level": "INFO",
        "logger": "tested",
        "message": "Looked",
        "request_id": "abc",
        "run": 7,
        "job": "another",
    }


def test_a_line_that_is_written_wrongly_is_written_all_the_same(known: None) -> None:
    record = logging.makeLogRecord({"msg": "%s of %s with %s", "args": (PLANTED["stripe"],)})
    assert logs.Discreet().filter(record).getMessage() == "%s of %s with %s ('[secret]',)"


def test_calls_of_the_api_leave_a_line_without_the_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "huntaze.access")
    Client().get("/api/nowhere%0ainjected?token=7d1f7d1f7d1f", headers={"X-Request-ID": "caller-1"})
    (record,) = [record for record in caplog.records if record.name == "huntaze.access"]
    assert record.getMessage().startswith("GET /api/nowhere%0Ainjected answered 404 in ")
    facts = {name: getattr(record, name) for name in ("method", "path", "status", "client", "caller")}
    assert facts == {
        "method": "GET",
        "path": "/api/nowhere%0Ainjected",
        "status": 404,
        "client": "127.0.0.1",
        "caller": None,
    }
    assert "7d1f" not in str(vars(record))


def test_one_line_a_call_even_where_it_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Client().get("/api/nowhere")
    Client().get("/metrics")
    assert [record.name for record in caplog.records] == ["huntaze.access"]


def test_every_setting_that_is_a_secret_is_known_as_one() -> None:
    words = ("secret", "token", "password", "key", "dsn", "credential")
    # Says how a token is shown to the gateway, and holds none.
    templates = {"onlyfans_token_headers"}
    named = [name for name in Environment.model_fields if any(word in name for word in words) and name not in templates]
    planted = {name: f"planted-in-{name}" for name in named}
    assert {"secret_key", "encryption_keys", "stripe_api_key", "cron_secret", "metrics_token"} <= set(named)
    assert find_secrets(planted) == tuple(planted.values())


def test_a_request_on_a_line_is_left_out_for_its_query(written: Log) -> None:
    request = RequestFactory().get("/admin/?next=7d1f7d1f7d1f")
    logging.getLogger("tested").warning("Forbidden: %s", request.path, extra={"request": request, "status_code": 403})
    entry = json.loads(written())
    assert ("request" in entry, entry["status_code"], "7d1f" in written()) == (False, 403, False)


@pytest.mark.django_db
def test_pages_leave_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "huntaze.access")
    Client().get("/admin/login/")
    assert caplog.records == []
