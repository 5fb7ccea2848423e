"""What machines ask: healthz needs nothing, readyz says what holds, metrics are for whoever knows the token."""

import datetime as dt
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from huntaze.health import QUESTIONS
from jobs.models import Tick
from jobs.services import note_tick
from jobs.tasks import sweep, tick
from tests.factories.ledger import make_item, make_run

TOKEN = "prometheus-token-7d1f"
# Rows that other threads are to see have to be committed.
seen_by_all = pytest.mark.django_db(transaction=True)


def ask(path: str, **headers: str) -> HttpResponse:
    """Ask as a load balancer does: by the address, without TLS."""
    return Client().get(path, headers={"Host": "10.0.0.7", **headers})  # type: ignore[return-value]  # the client's own


def checks() -> dict[str, Any]:
    found: dict[str, Any] = Client().get("/readyz").json()["checks"]
    return found


def failing() -> list[str]:
    return sorted(name for name, check in checks().items() if not check["ok"])


def _tick() -> None:
    for name in ("sweep", "tick"):
        note_tick(name)


@pytest.fixture
def production(settings: Settings) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = False, ["office.test"], True


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


def test_alive_is_answered_without_a_database(production: None) -> None:
    response = ask("/healthz")
    assert (response.status_code, response.content) == (200, b'{"alive": true}')
    assert response["Cache-Control"] == "no-store"


@seen_by_all
def test_ready_is_what_has_everything(production: None) -> None:
    sweep()
    tick()
    response = ask("/readyz")
    found = response.json()  # type: ignore[attr-defined]  # of the test client
    assert (response.status_code, found["ready"]) == (200, True)
    assert sorted(found["checks"]) == ["broker", "database", "migrations", "scheduler", "work"]
    assert {check["ok"] for check in found["checks"].values()} == {True}
    assert found["checks"]["migrations"]["why"] == "All applied."
    assert found["checks"]["work"]["why"] == "Nothing waits longer than it should."


@seen_by_all
def test_a_scheduler_that_is_silent_is_noticed() -> None:
    Tick.objects.all().delete()
    assert failing() == ["scheduler"]
    note_tick("sweep")
    assert failing() == ["scheduler"]
    note_tick("tick")
    assert failing() == []
    Tick.objects.filter(pk="tick").update(at=timezone.now() - dt.timedelta(seconds=200))
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["scheduler"]["why"].startswith("Ran last: tick 200 seconds ago.")


@seen_by_all
def test_checks_can_be_left_out() -> None:
    Tick.objects.all().delete()
    response = Client().get("/readyz?exclude=scheduler,work")
    assert (response.status_code, sorted(response.json()["checks"])) == (200, ["broker", "database", "migrations"])


@seen_by_all
def test_work_that_nobody_takes_is_noticed() -> None:
    _tick()
    long_ago = timezone.now() - dt.timedelta(minutes=12)
    run = make_run(status="queued", created_at=long_ago)
    assert checks()["work"] == {
        "ok": False,
        "why": "Work that nobody takes waits in the queues: billing for 12 minutes.",
    }
    type(run).objects.update(status="running", started_at=long_ago, expected=2)
    make_item(run, "waits", "pending")
    assert failing() == ["work"]
    make_item(run, "in hand", "running", lease_expires_at=timezone.now() + dt.timedelta(minutes=1))
    assert failing() == []
    run.items.filter(key="in hand").update(lease_expires_at=long_ago)
    assert failing() == ["work"]
    run.items.update(status="pending", lease_expires_at=None, not_before=timezone.now() + dt.timedelta(minutes=1))
    assert failing() == []


@seen_by_all
def test_a_migration_that_is_not_applied_is_noticed() -> None:
    _tick()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'huntaze' RETURNING name, applied")
        rows = cursor.fetchall()
    try:
        found = checks()
    finally:
        with connection.cursor() as cursor:
            for name, applied in rows:
                cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('huntaze', %s, %s)",
                               [name, applied])  # fmt: skip
    assert found["migrations"] == {"ok": False, "why": f"{len(rows)} to be applied."}
    assert found["database"]["ok"]
    assert failing() == []


@seen_by_all
def test_a_broker_that_hangs_keeps_nobody_waiting(settings: Settings) -> None:
    _tick()
    with silent_server() as address:
        settings.CELERY_BROKER_URL = f"redis://:7d1f7d1f@{address}/0"
        response = Client().get("/readyz")
    assert response.status_code == 503
    found = response.json()["checks"]
    assert sorted(name for name, check in found.items() if not check["ok"]) == ["broker"]
    assert "7d1f" not in response.content.decode()


@seen_by_all
def test_a_broker_that_is_away_is_named(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://:7d1f7d1f@127.0.0.1:1/0"
    response = Client().get("/readyz")
    assert response.json()["checks"]["broker"] == {
        "ok": False,
        "why": "Does not answer as it should (ConnectionError).",
    }


@seen_by_all
def test_a_database_that_hangs_keeps_nobody_waiting() -> None:
    before = dict(connection.settings_dict)
    try:
        with silent_server() as address:
            host, port = address.split(":")
            connection.settings_dict.update(HOST=host, PORT=port, PASSWORD="7d1f7d1f")
            response = Client().get("/readyz")
    finally:
        connection.settings_dict.update(before)
    found = response.json()["checks"]
    bad = sorted(name for name, check in found.items() if not check["ok"])
    assert bad == ["database", "migrations", "scheduler", "work"]
    assert found["database"]["why"] == "No answer within 2 seconds."
    assert "7d1f" not in response.content.decode()
    # Now that the server is gone, the question left open is answered, and asked anew.
    assert [question.begin().is_complete.wait(30) for question in QUESTIONS] == [True, True]
    _tick()
    assert failing() == []


@pytest.mark.parametrize("given", ["", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", f"Bearer {TOKEN}x"])
def test_metrics_are_not_for_everybody(settings: Settings, given: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    response = ask("/metrics", Authorization=given)
    assert response.status_code == 403
    assert b"huntaze_" not in response.content


def test_without_a_token_nobody_gets_metrics(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    assert ask("/metrics", Authorization="Bearer ").status_code == 403
