"""Values that chance seldom finds, in every place of every operation that the OpenAPI document has: never a 5xx."""

import json
import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from urllib.parse import quote

import pytest
import stripe
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.services.tokens import issue_tokens
from billing.models import StripeEvent
from common.clock import iso, now
from huntaze.api import make_document
from jobs.models import JobRun
from tests.factories.billing import make_creator, make_organization, make_plan
from tests.factories.staff import PASSWORD, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SECRET = "secret-of-the-hostile-tests"
# Not JSON, and yet what Python's parser takes for it.
_RAW = ("NaN", "-Infinity", "1e999999", "9" * 5_000, "-0", "1e-999999")
_TEXTS = (
    *("", " ", "\0", "a\0b", "\ud800", "a\udfffb", "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{BYTE ORDER MARK}", "x" * 5_000),
    *(
        "\U0001f4a3" * 300,
        "None",
        "null",
        "'\"><script>",
        "%00",
        "%s%n{0}${x}",
        "../../etc/passwd",
        "٣",
        "¹",
        "-1",
        "1_0",
    ),
    *("9" * 400, "0x10", "1e400", "NaN", "Infinity", "true", "[]", "{}", "a,b", "evt_1\r\nx: y", "\\u0000"),
)
_INSTANTS = (
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "9999-12-31T23:00:00Z", "10000-01-01T00:00:00Z"),
    *("+12026-10-05T10:00:00Z", "0000-00-00T00:00:00Z", "2026-02-30T10:00:00Z", "2026-10-05T24:00:00Z"),
    *("2026-10-05T23:59:60Z", "2026-W41-1T10Z", "2026-10-05 10:00", "2026-10-05T10:00:00+99:99", "20261005T100000Z"),
    *("2026-10-05T10:00:00.1234567890Z", "-9999999999999", "1e20", "253402300800", "0001-01-01", "9999-12-31"),
    *("9999-12", "0000-01", "2999-12", "1900-01", "2026-1", "\uff12\uff10\uff12\uff16-10", "2026-10\n"),
)
_NUMBERS = (0, -1, 1, 1.5, -1e308, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400)
_SHAPES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"\0": 1},
    {"$ref": "#"},
    ["a"] * 3_000,
)
_VALUES: tuple[Any, ...] = (*_TEXTS, *_INSTANTS, *_NUMBERS, *_SHAPES)
_EVENT = {
    "id": "evt_1", "object": "event", "type": "invoice.paid", "created": 1_790_000_000,
    "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1", "metadata": {}}},
}  # fmt: skip
_OBJECT = {"key": "creators/of_1/result.csv", "size": 1, "etag": "e", "sequencer": "0A"}
# What the schemas leave open, and what only an example that is right gets past the first look.
_BODIES: dict[str, Any] = {
    "/api/analytics/events": {
        "events": [{"name": "a.b", "occurredAt": iso(now()), "idempotencyKey": "1", "properties": {"a": 1}}]
    },
    "/api/auth/token": {"email": "somebody@example.test", "password": PASSWORD, "code": "123456"},
    "/api/billing/commission": {
        "plan": "plan", "month": "2026-10", "creatorSince": "2026-09", "carriedInCents": 0,
        "earnings": [{"category": "tips", "grossCents": 100, "netCents": 80}],
    },
    "/api/eventbridge/stripe": {
        "version": "0", "id": "1", "detail-type": "invoice.paid", "source": "aws.partner/stripe.com/ed_1",
        "time": "2026-11-01T10:00:00Z", "resources": [], "detail": _EVENT,
    },
    "/api/ingest/of-results": {
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "time": "2026-11-01T10:00:00Z",
        "detail": {"bucket": {"name": "results"}, "object": _OBJECT, "reason": "PutObject"},
    },
    "/api/webhooks/stripe": _EVENT,
}  # fmt: skip
_ENVELOPE = {"id": "1", "detail-type": "x", "source": "y", "time": "2026-11-01T10:00:00Z"}
_DOCUMENT = make_document()
_OPERATIONS = sorted(
    (path, method) for path, found in _DOCUMENT["paths"].items() for method in found if method in {"get", "post"}
)


@pytest.fixture
def headers(settings: Settings) -> dict[str, str]:
    """What opens every door, and something behind it."""
    settings.CRON_SECRETS = settings.API_KEYS = settings.EVENTBRIDGE_API_KEYS = (SECRET,)
    settings.STRIPE_WEBHOOK_SECRET, settings.RESULTS_BUCKET = (SECRET,), "results"
    make_creator(make_organization(make_plan(code="plan", commission_free_months=1)), onlyfans_user_id="of_1")
    User.objects.create_user("somebody@example.test", PASSWORD)
    token = issue_tokens(make_staff("Operations")).access
    return {"x-cron-secret": SECRET, "x-api-key": SECRET, "authorization": f"Bearer {token}"}


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references into the document's components."""
    while "$ref" in schema:
        schema = _DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def exemplify(schema: dict[str, Any]) -> Any:
    """Make up a value that a schema admits, with every property that it names."""
    schema = resolve(schema)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if found := schema.get("examples") or schema.get("enum"):
        return found[0]
    if kinds := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return exemplify(kinds[0])
    if schema.get("type") == "object":
        return {name: exemplify(part) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [exemplify(schema.get("items", {}))]
    formats = {"date": "2026-10-05", "date-time": "2026-10-05T10:00:00Z"}
    of_kind = {"integer": schema.get("minimum", 1), "number": 1, "boolean": False}
    return of_kind.get(str(schema.get("type")), formats.get(str(schema.get("format")), "text"))


def spoil(value: Any) -> Iterator[Any]:
    """Put each hostile value into each place of a value, one at a time; and add one that nobody asked for."""
    yield from _VALUES
    if isinstance(value, dict):
        for name, part in value.items():
            yield {other: deepcopy(given) for other, given in value.items() if other != name}
            for worse in spoil(part):
                yield {**value, name: worse}
        yield {**value, "unasked\0": 1}
    elif isinstance(value, list):
        for place, part in enumerate(value):
            for worse in spoil(part):
                yield [*value[:place], worse, *value[place + 1 :]]


def write_bodies(value: Any) -> Iterator[str]:
    """Write what `spoil` makes of a body, and bodies that are no JSON by the letter."""
    for worse in spoil(value):
        yield json.dumps(worse)
    mark = "MARK"
    for place in spoil_places(value, mark):
        for raw in _RAW:
            yield json.dumps(place).replace(f'"{mark}"', raw)
    yield from ("", "{", "[" * 100_000, '{"a":' * 5_000, '{"a": 1, "a": 2}', "\ufeff{}", '"', "nul")


def spoil_places(value: Any, mark: str) -> Iterator[Any]:
    """Put a mark into each place of a value, one at a time."""
    yield mark
    if isinstance(value, dict):
        for name, part in value.items():
            yield from ({**value, name: marked} for marked in spoil_places(part, mark))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], marked, *value[place + 1 :]] for marked in spoil_places(part, mark))


def list_bodies(path: str, operation: dict[str, Any]) -> list[Any]:
    """Return right bodies of an operation, one of each kind."""
    if "requestBody" not in operation:
        return []
    if path in _BODIES:
        return [_BODIES[path]]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    if path.startswith("/api/cron/"):
        params = exemplify(schema)
        return [params, {**_ENVELOPE, "detail": params}, {**params, "scheduled-time": "2026-11-01T10:00:00Z"}]
    return [exemplify(schema)]


def ask(path: str, method: str, headers: dict[str, str], body: str | None = None) -> tuple[int, str]:
    """Call in a transaction that is rolled back, so that what one call wrote is not in another's way."""
    given = dict(headers)
    content = None if body is None else body.encode("utf-8", "surrogatepass")
    if path.startswith("/api/webhooks/stripe") and body is not None:
        stamp = int(time.time())
        signer = stripe.WebhookSignature._compute_signature
        signed = signer(f"{stamp}.{body}", SECRET) if body.isascii() else "0"
        given["stripe-signature"] = f"t={stamp},v1={signed}"
    with transaction.atomic():
        client = Client(raise_request_exception=False)
        answer = client.generic(method.upper(), path, content or b"", "application/json", headers=given)
        transaction.set_rollback(True)
    return answer.status_code, answer.content.decode()[:300]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(("path", "method"), _OPERATIONS, ids=lambda part: str(part).strip("/"))
def test_no_value_in_any_place_is_a_server_s_error(path: str, method: str, headers: dict[str, str]) -> None:
    operation = _DOCUMENT["paths"][path][method]
    failed, statuses = [], set()

    def check(address: str, body: str | None = None, **more: str) -> None:
        status, said = ask(address, method, headers | more, body)
        statuses.add(status)
        if status >= 500:
            failed.append((address[:200], (body or "")[:200], status, said))

    for body in list_bodies(path, operation):
        for written in write_bodies(body):
            check(path, written)
    for asked in operation.get("parameters", ()):
        for value in _VALUES:
            # No client can put an end of line or what is not latin-1 into a header.
            text = quote(_as_text(value)[:8_000].encode("utf-8", "surrogatepass"), safe="")
            if asked["in"] == "path":
                check(path.replace("{" + asked["name"] + "}", text))
            elif asked["in"] == "query" and (asked["name"], value) != ("wait", 1):
                check(f"{path}?{asked['name']}={text}")
            elif asked["in"] == "header":
                check(path, "{}", **{asked["name"]: text})
    assert failed == []
    assert statuses and statuses <= {200, 202, 400, 401, 403, 404, 409, 413, 415, 422, 429}


def test_the_bodies_are_right_before_they_are_spoilt(headers: dict[str, str]) -> None:
    """Else all that is shown is that the first look refuses everything."""
    for path, body in _BODIES.items():
        if path != "/api/auth/token":
            status, said = ask(path, "post", headers, json.dumps(body))
            assert status in {200, 202}, (path, said)
    assert not JobRun.objects.exists() and not StripeEvent.objects.exists()
