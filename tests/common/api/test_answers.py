"""Answers: one error shape for all that goes wrong, nothing cached, an id on each, and no redirect for a slash."""

import logging

import pytest
from django.test import Client

pytestmark = pytest.mark.urls("tests.common.api.addresses")


@pytest.fixture
def client() -> Client:
    """A client that sees what a caller sees, also where something goes wrong."""
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("way", "status", "code", "message"),
    [
        ("api", 418, "teapot", "Short and stout."),
        ("permanent", 400, "refused", "Never."),
        ("retryable", 503, "unavailable", "Later."),
        ("unknown", 503, "unavailable", "Look first."),
        ("misconfigured", 503, "unavailable", "The installation must be repaired first; staff can see why."),
        ("database", 503, "unavailable", "The database can't be reached just now."),
        ("unforeseen", 500, "server_error", "Something went wrong on our side; it has been noted."),
    ],
)
def test_every_failure_has_the_shape(client: Client, way: str, status: int, code: str, message: str) -> None:
    answer = client.get(f"/api/failing/{way}")
    said = answer.json()
    assert (answer.status_code, said["error"]) == (status, {"code": code, "message": message})
    assert set(said) == {"success", "error", "timestamp"} and said["success"] is False
    assert answer["Cache-Control"] == "no-store"


def test_says_when_to_come_again(client: Client) -> None:
    assert client.get("/api/failing/retryable")["Retry-After"] == "7"
    assert client.get("/api/failing/database")["Retry-After"] == "5"
    assert client.get("/api/failing/api")["X-Pot"] == "1"


def test_what_nobody_foresaw_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="common.api.errors"):
        client.get("/api/failing/unforeseen")
    assert [record.getMessage() for record in caplog.records if record.name == "common.api.errors"] == [
        "Unforeseen ZeroDivisionError in the API"
    ]


@pytest.mark.parametrize("address", ["/api/nothing", "/api/nothing/", "/api/", "/api/echo//", "/api/%00", "/api/a b"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "DELETE"])
def test_an_address_that_nobody_has_is_404_and_no_redirect(client: Client, address: str, method: str) -> None:
    answer = client.generic(method, address)
    assert answer.status_code in ({404} if method not in {"HEAD", "OPTIONS"} else {404, 405})
    assert "Location" not in answer.headers


def test_a_slash_too_many_or_too_few_is_overlooked(client: Client) -> None:
    for address in ("/api/echo", "/api/echo/", "/api/slashed", "/api/slashed/"):
        assert client.get(f"{address}?a=1").json() == {"names": ["a"]}
        posted = client.post(address, data={"howMany": 2}, content_type="application/json")
        assert (posted.status_code, posted.json()["howMany"]) == (200, 2)


def test_a_method_that_is_not_there_is_405(client: Client) -> None:
    for method in ("PUT", "HEAD", "OPTIONS", "TRACE"):
        answer = client.generic(method, "/api/echo")
        assert answer.status_code == 405
    assert client.put("/api/echo").json()["error"]["code"] == "method_not_allowed"


def test_whatever_a_caller_accepts_it_gets_json(client: Client) -> None:
    answer = client.get("/api/echo?format=xml", headers={"accept": "text/html, application/xml;q=0.1"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("", False)])
def test_every_answer_has_an_id(client: Client, given: str, kept: bool) -> None:
    for address in ("/api/echo", "/api/failing/unforeseen"):
        said = client.get(address, headers={"x-request-id": given})["X-Request-Id"]
        assert (said == given) is kept
        assert len(said) == 32 or kept
