"""Doors for machines: several secrets at once, 403 and never 401, and no secret in any answer."""

import pytest
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.urls("tests.common.api.addresses")
FIRST, SECOND = "first-secret-0123456789", "second-secret-987654321"


@pytest.fixture(autouse=True)
def secrets(settings: Settings) -> None:
    settings.CRON_SECRETS = (FIRST, SECOND)
    settings.API_KEYS = ("server-key-0123456789",)


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({"x-cron-secret": FIRST}, "cron secret 1"),
        ({"x-cron-secret": SECOND}, "cron secret 2"),
        ({"authorization": f"Bearer {SECOND}"}, "cron secret 2"),
        ({"authorization": f"bearer  {FIRST}"}, "cron secret 1"),
    ],
    ids=str,
)
def test_each_secret_opens(client: Client, headers: dict[str, str], caller: str) -> None:
    answer = client.get("/api/schedulers", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"caller": caller})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-cron-secret": ""},
        {"x-cron-secret": f"{FIRST},{SECOND}"},
        {"x-cron-secret": FIRST[:-1]},
        {"x-cron-secret": FIRST + " x"},
        {"x-cron-secret": "wröng-sécret-0123456"},
        {"x-cron-secret": "wrong", "authorization": f"Bearer {FIRST}"},
        {"authorization": f"Basic {FIRST}"},
        {"authorization": FIRST},
        {"x-vercel-cron": "1"},
        {"x-vercel-cron": FIRST, "user-agent": "vercel-cron/1.0", "x-vercel-cron-schedule": "0 2 1 * *"},
        {"x-api-key": "server-key-0123456789"},
    ],
    ids=str,
)
def test_whatever_else_is_shown_is_403(client: Client, headers: dict[str, str]) -> None:
    answer = client.get("/api/schedulers", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert "WWW-Authenticate" not in answer.headers
    assert FIRST not in answer.text


def test_a_secret_in_the_address_opens_nothing(client: Client) -> None:
    for name in ("x-cron-secret", "secret", "token", "authorization"):
        assert client.get(f"/api/schedulers?{name}={FIRST}").status_code == 403


def test_without_secrets_nobody_gets_in(client: Client, settings: Settings) -> None:
    settings.CRON_SECRETS = ()
    for shown in ("", FIRST):
        assert client.get("/api/schedulers", headers={"x-cron-secret": shown}).status_code == 403


def test_each_door_has_its_own_secrets(client: Client) -> None:
    key = {"x-api-key": "server-key-0123456789"}
    assert client.get("/api/servers", headers=key).json() == {"caller": "API key 1"}
    assert client.get("/api/servers", headers={"x-api-key": FIRST}).status_code == 403
    assert client.get("/api/servers", headers={"authorization": "Bearer server-key-0123456789"}).status_code == 403
