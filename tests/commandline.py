"""Commands as somebody types them, in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.core.management import ManagementUtility
from pytest_django import Settings


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    status: int
    out: str
    err: str


Manage = Callable[..., Answer]


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
