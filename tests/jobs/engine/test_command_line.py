"""The commands, as processes of their own: what they print, and the status they end with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import connection
from pytest_django import Settings

from jobs.models import JobRun

ROOT = Path(__file__).resolve().parents[3]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py on the test's database."""
    database = f"{settings.DATABASE_URL.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_job_is_run_by_several_processes_until_it_has_ended() -> None:
    done = manage("run_job", "hourly-usage", "--hour", "2026-10-01T05:30Z", "--wait", "--workers=2", "--reason=Late.")
    run = JobRun.objects.get()
    assert (done.returncode, done.stdout) == (0, f"Hourly usage #{run.pk}: Succeeded.\n")
    assert "Traceback" not in done.stderr
    assert (run.status, run.trigger, run.reason) == ("succeeded", "command", "Late.")
    assert [item.key for item in run.items.all()] == ["2026-10-01T05:00:00Z"]


def test_a_job_is_started_for_the_workers_even_where_the_bell_is_broken() -> None:
    done = manage("run_job", "hourly-usage", REDIS_URL="redis://127.0.0.1:1/0")
    run = JobRun.objects.get()
    assert (done.returncode, done.stdout) == (0, f"Started Hourly usage #{run.pk}.\n")
    assert run.status == "queued"
    assert "Traceback" not in done.stderr


@pytest.fixture(autouse=True)
def development(settings: Settings) -> None:
    """Let the commands that run in this process find the development's settings, as the environment says."""
    settings.DEBUG = True


def call(*arguments: str) -> int:
    """Run a command in this process, as manage.py does; return its exit status."""
    try:
        execute_from_command_line(["manage.py", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["run_job"], "manage.py run_job: error: the following arguments are required: name, params"),
        (["run_job", "nonsense"], "CommandError: There is no job “nonsense”. There are: analytics-"),
        (
            ["run_job", "hourly-usage", "--frob"],
            "manage.py run_job hourly-usage: error: unrecognized arguments: --frob",
        ),
        (["run_job", "hourly-usage", "--hour"], "manage.py run_job hourly-usage: error: argument --hour: expected one"),
        (
            ["run_job", "hourly-usage", "--hour", "noon"],
            "CommandError: hour: Give an instant with its time zone, like 2026",
        ),
        (["run_job", "hourly-usage", "--workers", "0"], "CommandError: --workers: give a number from 1 to 64."),
        (["run_job", "hourly-usage", "--workers", "65"], "CommandError: --workers: give a number from 1 to 64."),
        (["run_job", "deliver-invoices"], "CommandError: invoices: This is required."),
        (["run_job", "deliver-invoices", "--invoices", "7"], "CommandError: invoices: There is no invoice 7."),
        (["run_job", "monthly-billing", "--month", "2026-13"], "CommandError: month: “2026-13” is not a month"),
        (["run_job", "monthly-billing", "--month", "2999-01"], "CommandError: month: 2999-01 has not ended yet"),
        (["list_jobs", "--frob"], "manage.py list_jobs: error: unrecognized arguments: --frob"),
        (["list_jobs", "extra"], "manage.py list_jobs: error: unrecognized arguments: extra"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_and_status_two(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = call(*given)
    written = capsys.readouterr()
    assert (status, written.out) == (2, "")
    assert written.err.startswith(said)
    assert written.err.count("\n") == 1
    assert not JobRun.objects.exists()


def test_the_jobs_are_listed_with_their_schedules_and_flags(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("list_jobs") == 0
    listed = capsys.readouterr().out
    assert (
        "monthly-billing: Monthly billing\n    schedule (UTC): 0 2 1 * *, 0 2 2-31 * *\n    --month: The month to bill"
        in listed
    )
    assert "deliver-invoices: Deliver invoices\n    schedule (UTC): none\n    --invoices: The ids" in listed
