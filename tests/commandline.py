"""Commands as somebody types them, in this process or in one of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import ManagementUtility
from django.db import connection
from pytest_django import Settings


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    status: int
    out: str
    err: str


Manage = Callable[..., Answer]
ROOT = Path(__file__).resolve().parent.parent


def start_program(*words: str, **variables: str) -> Answer:
    """Run a command of `manage.py` as a process of its own, on the tests' database, with these variables besides."""
    server = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    environment = os.environ | {"DATABASE_URL": f"{server}/{connection.settings_dict['NAME']}"} | variables
    command = [sys.executable, "manage.py", *words]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return Answer(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def manage(capfd: pytest.CaptureFixture[str], settings: Settings) -> Manage:
    """Run a command of `manage.py` in development; what its worker processes print is caught, too."""
    # Test runs switch it off, and then the checks want secrets of an installation's own.
    settings.DEBUG = True

    def run(*words: str) -> Answer:
        capfd.readouterr()
        status = 0
        try:
            ManagementUtility(["manage.py", *words]).execute()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        sys.stdout.flush()
        caught = capfd.readouterr()
        return Answer(status, caught.out, caught.err)

    return run


def count_rows() -> dict[str, int]:
    """Count the rows of every table, to see what a command wrote."""
    return {
        model._meta.db_table: model._default_manager.count()
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
    }


def check_one_line(answer: Answer, said: str) -> None:
    """Wrong usage is answered with one line on standard error, and status 2."""
    assert (answer.status, answer.out) == (2, "")
    (line,) = answer.err.splitlines()
    assert said in line
    assert "Traceback" not in line
