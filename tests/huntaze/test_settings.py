"""Settings come from environment variables; a value that does not fit is one line that names the variable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from huntaze import settings as module
from huntaze.settings import DEVELOPMENT_ENCRYPTION_KEY, DEVELOPMENT_SECRET_KEY, Environment

ROOT = Path(module.__file__).parent.parent
HINTS = {
    "DATABASE_URL": "Give postgres://user:password@host:5432/name, with %xx for characters that mean something in it.",
    "REDIS_URL": "Give redis://host:6379/0 or rediss://….",
    "ENCRYPTION_KEYS": "Each must be 32 bytes in URL-safe base64: make one with `manage.py new_encryption_key`.",
    "PROCESS_MONTH": "That is not a month: write it as year and month, like 2026-10.",
    "RUN_SCHEDULE": "Give six fields, seconds 0, day at most 28, times at least 5 minutes apart, like 0 0 2 1 * *.",
    "NOTIFY_EMAIL": "Give e-mail addresses, separated by commas.",
    "ADDRESS": "Give an address that begins with https:// or http://.",
    "MAILBOX": "Give an e-mail address, like Name <name@example.com>.",
    "PATH": "Give a path that begins with / and names the account as {account}.",
    "ASCII": "Use printable ASCII only.",
    "BOOLEAN": "Input should be a valid boolean, unable to interpret input",
}


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Environment:
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("STRIPE_SECRET_KEY", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(Environment.model_config, "env_file", None)
    return module._read_environment()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", "maybe-7d1f", HINTS["BOOLEAN"]),
        ("DRY_RUN", "perhaps-7d1f", HINTS["BOOLEAN"]),
        ("INVOICE_ENABLE_STRIPE", "2", HINTS["BOOLEAN"]),
        ("LOG_LEVEL", "LOUD-7d1f", "Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("INVOICE_EMAIL_UNKNOWN", "hope-7d1f", "Input should be 'resend' or 'hold'"),
        ("DATABASE_URL", "mysql://u:7d1f@host/db", HINTS["DATABASE_URL"]),
        ("DATABASE_URL", "postgres://u:pass#7d1f@host/db", HINTS["DATABASE_URL"]),
        ("DATABASE_URL", "postgres://u:7d1f@host:5432", HINTS["DATABASE_URL"]),
        ("DATABASE_URL", "7d1f", HINTS["DATABASE_URL"]),
        ("REDIS_URL", "http://:7d1f@host", HINTS["REDIS_URL"]),
        ("REDIS_URL", "redis://:7d1f@host:port/0", HINTS["REDIS_URL"]),
        ("ENCRYPTION_KEYS", "7d1f", HINTS["ENCRYPTION_KEYS"]),
        ("ENCRYPTION_KEYS", f"{DEVELOPMENT_ENCRYPTION_KEY},7d1f", HINTS["ENCRYPTION_KEYS"]),
        ("PROCESS_MONTH", "2026-7d1f", HINTS["PROCESS_MONTH"]),
        ("RUN_SCHEDULE", "0 2 1 * *", HINTS["RUN_SCHEDULE"]),
        ("RUN_SCHEDULE", "30 0 2 1 * *", HINTS["RUN_SCHEDULE"]),
        ("RUN_SCHEDULE", "0 0 2 1 * 7d1f", HINTS["RUN_SCHEDULE"]),
        ("RUN_SCHEDULE", "0 0 2 31 2 *", HINTS["RUN_SCHEDULE"]),
        ("RUN_SCHEDULE", "0 * * * * *", HINTS["RUN_SCHEDULE"]),
        ("RUN_SCHEDULE", "0 0,59 * * * *", HINTS["RUN_SCHEDULE"]),
        ("NOTIFY_EMAIL", "a@example.test,7d1f", HINTS["NOTIFY_EMAIL"]),
        ("INVOICE_SMTP_FROM", "Billing 7d1f", HINTS["MAILBOX"]),
        ("INVOICE_SELLER_EMAIL", "7d1f@", HINTS["MAILBOX"]),
        ("ONLYFANS_API_URL", "gateway.test/7d1f", HINTS["ADDRESS"]),
        ("STRIPE_API_BASE", "ftp://7d1f", HINTS["ADDRESS"]),
        ("INVOICE_S3_ENDPOINT", "http://", HINTS["ADDRESS"]),
        ("BASE_URL", "7d1f", "Input should be a valid URL, relative URL without a base"),
        ("ONLYFANS_EARNINGS_PATH", "/api/earnings/7d1f", HINTS["PATH"]),
        ("ONLYFANS_EARNINGS_PATH", "/api/{account}/{7d1f}", HINTS["PATH"]),
        ("ONLYFANS_EARNINGS_PATH", "api/{account}/7d1f", HINTS["PATH"]),
        ("ONLYFANS_USER_AGENT", "Huntaze\n7d1f", HINTS["ASCII"]),
        ("STRIPE_API_KEY", "sk_live_7d1fü", HINTS["ASCII"]),
        ("JOBS_LEASE_SECONDS", "inf", "Input should be less than or equal to 86400"),
        ("JOBS_LEASE_SECONDS", "0", "Input should be greater than or equal to 0.5"),
        ("JOBS_RETRY_BASE_SECONDS", "nan", "Input should be less than or equal to 86400"),
        ("JOBS_THREADS", "many-7d1f", "Input should be a valid integer, unable to parse string as an integer"),
        ("BILLING_MAX_LINES", "-5", "Input should be greater than or equal to 1"),
        ("INVOICE_SMTP_PORT", "99999", "Input should be less than or equal to 65535"),
        ("INVOICE_PREFIX", "inv-7d1f", "String should match pattern '^[A-Z]{2,8}$'"),
        ("INVOICE_DUE_DAYS", "366", "Input should be less than or equal to 365"),
    ],
)
def test_a_value_that_does_not_fit_is_one_line_without_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        read(monkeypatch, **{name: value})
    assert str(raised.value) == f"Environment variables that can't be used:\n  {name}: {said}"
    assert "7d1f" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_all_that_do_not_fit_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        read(monkeypatch, DEBUG="maybe", PROCESS_MONTH="soon", REDIS_URL="nowhere")
    lines = str(raised.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["DEBUG", "REDIS_URL", "PROCESS_MONTH"]


def test_values_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    environment = read(
        monkeypatch,
        DATABASE_URL="postgres://user:p%23ss@host:5432/name?sslmode=require",
        REDIS_URL="rediss://:secret@host:6380/1",
        ENCRYPTION_KEYS=" , ".join(keys),
        PROCESS_MONTH="2026-10",
        RUN_SCHEDULE="0 0 2 1 * *",
        NOTIFY_EMAIL="a@example.test, b@example.test, a@example.test",
        INVOICE_SMTP_FROM="Büro <billing@example.test>",
        STRIPE_SECRET_KEY="sk_live_1",
        ALLOWED_HOSTS="one.test,two.test,",
        INVOICE_ENABLE_S3="yes",
    )
    assert environment.encryption_keys == tuple(keys)
    assert environment.process_month == "2026-10"
    assert environment.notify_email == ("a@example.test", "b@example.test")
    assert environment.stripe_api_key == "sk_live_1"
    assert environment.allowed_hosts == ("one.test", "two.test")
    assert environment.invoice_enable_s3 is True


def test_what_holds_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = read(monkeypatch, DATABASE_URL="", PROCESS_MONTH="", INVOICE_PREFIX="")
    assert (environment.debug, environment.dry_run, environment.process_month) == (False, False, "")
    assert (environment.billing_max_lines, environment.billing_max_total_cents) == (500, 5_000_000)
    assert (environment.billing_max_change_percent, environment.invoice_prefix) == (300, "INV")
    assert not any((environment.invoice_enable_s3, environment.invoice_enable_stripe, environment.invoice_enable_email))


def test_the_older_name_of_the_stripe_key_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, STRIPE_API_KEY="new", STRIPE_SECRET_KEY="old").stripe_api_key == "new"


def test_every_variable_is_explained() -> None:
    example = (ROOT / ".env.example").read_text()
    named = {line.split("=")[0] for line in example.splitlines() if "=" in line and not line.startswith("#")}
    assert {name.upper() for name in Environment.model_fields} <= named


def find(settings: Settings, **values: object) -> list[str]:
    """The production checks that these settings fail."""
    secret, key = "k7!" * 20, Fernet.generate_key().decode()
    fine: dict[str, object] = {
        "DEBUG": False, "DATABASE_URL": "postgres://h/db", "REDIS_URL": "redis://h/0", "SECRET_KEY": secret,
        "ENCRYPTION_KEYS": (key,), "ALLOWED_HOSTS": ["office.test"],
        "TWO_FACTOR_REQUIRED": True,
    }  # fmt: skip
    for name, value in {**fine, **values}.items():
        setattr(settings, name, value)
    return sorted(str(found.id) for found in checks.run_checks() if str(found.id).startswith("huntaze."))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"DATABASE_URL": ""}, ["huntaze.E001"]),
        ({"REDIS_URL": ""}, ["huntaze.E002"]),
        ({"SECRET_KEY": DEVELOPMENT_SECRET_KEY}, ["huntaze.E003"]),
        ({"SECRET_KEY": "short"}, ["huntaze.E004"]),
        ({"ENCRYPTION_KEYS": (DEVELOPMENT_ENCRYPTION_KEY,)}, ["huntaze.E005"]),
        ({"ENCRYPTION_KEYS": (Fernet.generate_key().decode(), DEVELOPMENT_ENCRYPTION_KEY)}, ["huntaze.E005"]),
        ({"ALLOWED_HOSTS": []}, ["huntaze.E006"]),
        ({"TWO_FACTOR_REQUIRED": False}, ["huntaze.W001"]),
        ({"STRIPE_WEBHOOK_SECRET": ("whsec_0123456789abcdef", "x")}, ["huntaze.E007"]),
        ({"STRIPE_WEBHOOK_SECRET": ("whsec_0123456789abcdef",)}, []),
        ({"METRICS_TOKEN": "y"}, ["huntaze.E008"]),
        ({"METRICS_TOKEN": "y" * 16}, []),
        ({"EMAIL_HOST": "mail.test", "EMAIL_HOST_PASSWORD": "p", "EMAIL_USE_TLS": False}, ["huntaze.W002"]),
        ({"EMAIL_HOST": "mail.test", "EMAIL_HOST_PASSWORD": "p", "EMAIL_USE_TLS": True}, []),
        ({"EMAIL_HOST": "localhost", "EMAIL_HOST_PASSWORD": "p", "EMAIL_USE_TLS": False}, []),
        ({"BASE_URL": "http://office.test"}, ["huntaze.W003"]),
        ({"ONLYFANS_API_URL": "http://gateway.test/api"}, ["huntaze.W003"]),
        ({"INVOICE_ENABLE_S3": True, "INVOICE_S3_BUCKET": ""}, ["huntaze.E010"]),
        ({"INVOICE_ENABLE_STRIPE": True, "STRIPE_API_KEY": ""}, ["huntaze.E011"]),
        ({"INVOICE_ENABLE_EMAIL": True, "EMAIL_HOST": ""}, ["huntaze.E012"]),
        ({"ALERTS_ALLOW_PRIVATE_ADDRESSES": True}, ["huntaze.E030"]),
        ({"ALERTS_EMAIL": "ops@example.test", "EMAIL_HOST": ""}, ["huntaze.E031"]),
        ({"RESULTS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/results"}, ["huntaze.E040"]),
        ({"RESULTS_BUCKET": "results"}, []),
        ({"DEBUG": True, "DATABASE_URL": "", "SECRET_KEY": DEVELOPMENT_SECRET_KEY}, []),
    ],
)
def test_a_production_start_wants_what_it_needs(
    settings: Settings, values: dict[str, object], found: list[str]
) -> None:
    assert find(settings, **values) == found


def test_check_deploy_is_not_silent_about_what_can_be_guessed_or_overheard() -> None:
    given = {"STRIPE_WEBHOOK_SECRET": "x", "METRICS_TOKEN": "y", "INVOICE_SMTP_PASSWORD": "z"}
    said = start("manage.py", "check", "--deploy", INVOICE_SMTP_HOST="mail.example.test", **given).stderr
    for code in ("E007", "E008", "W002"):
        assert f"(huntaze.{code})" in said


def start(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a process with these variables and none of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=ROOT, env=kept | variables, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif((ROOT / ".env").exists(), reason="reads the developer's own .env")
def test_a_start_without_anything_names_all_that_is_missing_and_no_stack() -> None:
    for words in (["manage.py", "run_billing"], ["-c", "import huntaze.wsgi"]):
        ended = start(*words)
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        for code in ("E001", "E002", "E003", "E005", "E006"):
            assert ended.stderr.count(f"huntaze.{code}") == 1
        assert ended.stdout == ""


@pytest.mark.skipif((ROOT / ".env").exists(), reason="reads the developer's own .env")
def test_a_start_with_a_bad_variable_is_one_line_and_no_stack() -> None:
    ended = start("manage.py", "check", DATABASE_URL="postgres://user:pa#7d1f@host/db")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"Environment variables that can't be used:\n  DATABASE_URL: {HINTS['DATABASE_URL']}\n"
