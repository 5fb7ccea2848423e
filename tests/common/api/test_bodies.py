"""Bodies: read exactly and within bounds; what does not fit is named as the caller spelled it."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.urls("tests.common.api.addresses")
JSON = "application/json"


def send(client: Client, body: Any, content_type: str = JSON) -> tuple[int, dict[str, Any]]:
    """Post a body as it is, or as JSON, and return status and answer."""
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    answer = client.post("/api/echo", data=data, content_type=content_type)
    return answer.status_code, answer.json()


def nest(depth: int) -> dict[str, Any]:
    """Make a body of so many objects in each other's lists."""
    body: dict[str, Any] = {"howMany": 0}
    for _ in range(depth):
        body = {"partsOf": [body]}
    return body


def test_both_spellings_are_read_and_instants_are_answered_in_utc(client: Client) -> None:
    status, answer = send(client, {"how_many": 3, "since": "2026-10-25T02:30:00+02:00"})
    assert (status, answer) == (200, {"howMany": 3, "since": "2026-10-25T00:30:00Z", "partsOf": []})
    assert send(client, {"howMany": 3})[1]["howMany"] == 3


@pytest.mark.parametrize("body", ["", " ", "{}"])
def test_an_empty_body_asks_for_what_holds_without_it(client: Client, body: str) -> None:
    assert send(client, body) == (200, {"howMany": 1, "since": None, "partsOf": []})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"howMany": "x"}, {"howMany": ["Give a whole number."]}),
        ({"how_many": []}, {"how_many": ["Give a whole number."]}),
        (
            {"since": "2026-10-25T00:00:00"},
            {"since": ["Give an instant with its time zone, like 2026-10-01T02:00:00Z."]},
        ),
        ({"since": "0001-01-01T00:00:00+14:00"}, {"since": ["That is beyond the years 1 to 9999 in UTC."]}),
        ({"partsOf": [{}, {"howMany": None}]}, {"partsOf.1.howMany": ["Give a whole number."]}),
        ({"nonsense": 1}, {"nonsense": ["There is no such field."]}),
        ({"how_many": 1, "howMany": 2}, {"howMany": ["This is given twice, in two spellings."]}),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(client: Client, body: Any, fields: Any) -> None:
    status, answer = send(client, body)
    assert (status, answer["success"], answer["error"]["code"]) == (400, False, "invalid_parameters")
    assert answer["error"]["fields"] == fields
    assert answer["error"]["message"] == f"These parameters do not fit: {', '.join(fields)}."
    assert answer["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "body",
    [
        "{", "nonsense", '{"howMany": NaN}', '{"howMany": 1e999999}', '{"howMany": 1, "howMany": 2}',
        b'{"howMany": "\xff"}', '{"howMany": ' + "1" * 41, "[" * 1_999,
    ],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_json_is_malformed(client: Client, body: Any) -> None:
    status, answer = send(client, body)
    assert (status, answer["error"]) == (400, {"code": "malformed", "message": "The body is not valid JSON."})


@pytest.mark.parametrize("body", ["[]", "1", '"text"', "null"])
def test_a_body_is_an_object(client: Client, body: str) -> None:
    status, answer = send(client, body)
    assert (status, answer["error"]["message"]) == (400, "Send a JSON object.")


@pytest.mark.parametrize("text", ["\x00", "\ud800"])
def test_characters_that_no_column_holds_are_refused_anywhere(client: Client, text: str) -> None:
    for body in ({"a": text}, {text: 1}, {"a": [{"b": text}]}):
        status, answer = send(client, body)
        assert (status, answer["error"]["code"]) == (400, "malformed")
    assert client.get("/api/echo?name=%00").status_code == 400


def test_bounds_are_kept_to_the_byte_the_level_and_the_entry(client: Client) -> None:
    assert send(client, " " * 1_998 + "{}")[0] == 200
    assert send(client, " " * 1_999 + "{}")[0] == 413
    assert send(client, nest(2))[0] == 200
    assert send(client, nest(3))[0] == 413
    assert send(client, {"partsOf": [{}] * 20})[0] == 200
    assert send(client, {"partsOf": [{}] * 21})[0] == 413
    assert send(client, {str(number): 1 for number in range(21)})[0] == 413


def test_other_kinds_of_body_are_refused(client: Client) -> None:
    assert send(client, "a=b", "application/x-www-form-urlencoded")[0] == 415
    assert send(client, "{}", f"{JSON}; charset=utf-8")[0] == 200


def test_a_packed_body_is_refused_for_what_it_is(client: Client) -> None:
    packed = gzip.compress(b'{"howMany": 3}')
    answer = client.post("/api/echo", packed, content_type=JSON, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer["Accept-Encoding"]) == (415, "identity")
    assert answer.json()["error"] == {
        "code": "unsupported_media_type",
        "message": "The body is packed: send it as it is, without Content-Encoding.",
    }
    plain = client.post("/api/echo", b'{"howMany": 3}', content_type=JSON, headers={"content-encoding": "identity"})
    assert (plain.status_code, plain.json()["howMany"]) == (200, 3)
