"""What the processes ask of the database connections they open."""

import os
import subprocess
import sys

import psycopg
import pytest
from django.db import OperationalError, connection
from psycopg.errors import QueryCanceled

from common.api.errors import answer_exception
from tests.commandline import ROOT
from tests.factories.staff import log_in
from tests.server import database_url

pytestmark = pytest.mark.django_db
WEB = "import huntaze.wsgi"
WORKER = """
from celery.signals import celeryd_init
from huntaze.celery import app
celeryd_init.send(sender="worker", instance=None, conf=app.conf, options={})
"""
COMMAND = "import django; django.setup()"
_ASK = """
from django.db import connection
with connection.cursor() as cursor:
    for name in ("jit", "statement_timeout", "search_path"):
        cursor.execute(f"SHOW {name}")
        print("shown", cursor.fetchone()[0])
"""


def _show(process: str, query: str = "", **environment: str) -> list[str]:
    """Return what holds on a connection of a process: JIT, the time-out of statements, the search path."""
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "huntaze.settings", "DATABASE_URL": database_url() + query}
    ended = subprocess.run(
        [sys.executable, "-c", process + _ASK],
        env={**given, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [line.removeprefix("shown ") for line in ended.stdout.splitlines() if line.startswith("shown ")]


@pytest.mark.parametrize(
    ("process", "bound"), [(WEB, "20s"), (WORKER, "10min"), (COMMAND, "0")], ids=["web", "worker", "command"]
)
def test_each_process_bounds_its_statements_and_compiles_none(process: str, bound: str) -> None:
    assert _show(process) == ["off", bound, '"$user", public']


def test_bounds_can_be_set() -> None:
    assert _show(WEB, WEB_STATEMENT_SECONDS="7")[1] == "7s"
    assert _show(WORKER, WORKER_STATEMENT_SECONDS="70")[1] == "70s"


def test_what_the_database_url_says_itself_stands() -> None:
    own = "?options=-c%20search_path%3Dpg_catalog%20-c%20statement_timeout%3D5s"
    assert _show(WEB, own) == ["off", "5s", "pg_catalog"]
    assert _show(COMMAND, "?options=-c%20jit%3Don") == ["on", "0", '"$user", public']


def test_tests_compile_no_query_either() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_takes_too_long_is_cancelled_and_the_page_says_so() -> None:
    client, address = log_in(superuser=True), "/admin/billing/stripeevent/"
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '300ms'")
    try:
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("LOCK TABLE billing_stripeevent IN ACCESS EXCLUSIVE MODE")
            page = client.get(address)
        assert (page.status_code, "That took too long" in page.text) == (503, True)
        assert client.get(address).status_code == 200
    finally:
        connection.close()


def test_a_statement_of_the_api_that_takes_too_long_is_answered_503() -> None:
    error = OperationalError("canceling statement due to statement timeout")
    error.__cause__ = QueryCanceled()
    answer = answer_exception(error, {})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.data["error"]["message"] == "The database took too long: ask for less, or try again later."
