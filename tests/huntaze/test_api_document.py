"""Whatever the OpenAPI document admits, and what it does not, is answered as the document says, and never by a 5xx."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from pytest_django import Settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from accounts.services.tokens import issue_tokens
from common.clock import iso, now
from huntaze.api import make_document
from huntaze.wsgi import application
from tests.factories.billing import make_organization, make_plan
from tests.factories.staff import PASSWORD, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SECRETS = {"CRON_SECRETS": "cron-secret-of-the-tests", "API_KEYS": "server-key-of-the-tests"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# What chance would not find: a plan that there is, and somebody's password.
BEHIND: dict[str, dict[str, Any]] = {
    "/api/billing/commission": {"plan": "plan", "organization": None},
    "/api/analytics/events": {"events": [{"name": "a.b", "occurredAt": iso(now()), "idempotencyKey": "1"}]},
    "/api/auth/token": {"email": "somebody@example.test", "password": PASSWORD},
}
EARNED = {"earnings": [{"category": "tips", "grossCents": 100, "netCents": 80}]}
document = schemathesis.openapi.from_dict(make_document())
document.app = application


@pytest.fixture(autouse=True)
def _connections_stay() -> Iterator[None]:
    """Let the test's connection outlive a request, as the test client does: its transaction holds all there is."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def headers(settings: Settings) -> dict[str, str]:
    """What opens every door, and something behind it."""
    for name, secret in SECRETS.items():
        setattr(settings, name, (secret,))
    settings.EVENTBRIDGE_API_KEYS = (SECRETS["API_KEYS"],)
    make_organization(make_plan(code="plan", commission_free_months=1))
    User.objects.create_user("somebody@example.test", PASSWORD)
    token = issue_tokens(make_staff("Operations")).access
    return {
        "x-cron-secret": SECRETS["CRON_SECRETS"],
        "x-api-key": SECRETS["API_KEYS"],
        "authorization": f"Bearer {token}",
    }


def do_not_wait(case: Case[Any]) -> None:
    """Nobody works here: whoever waits for a run's end would wait in vain."""
    query: dict[str, Any] = case.query or {}
    if str(query.get("wait", "")).isdigit():
        query["wait"] = 0


@document.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_is_answered_as_documented(case: Case[Any], headers: dict[str, str]) -> None:
    do_not_wait(case)
    case.call_and_validate(headers=headers, checks=CHECKS)
    case.call_and_validate(checks=CHECKS)
    if case.path in BEHIND and isinstance(case.body, dict):
        case.body = case.body | BEHIND[case.path]
        case.call_and_validate(headers=headers, checks=CHECKS)


def test_what_is_behind_the_doors_is_reached(headers: dict[str, str]) -> None:
    for path, body in BEHIND.items():
        answer = Client().post(path, EARNED | body if "plan" in body else body, "application/json", headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
