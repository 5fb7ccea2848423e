"""The project's own commands."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import Organization, User
from jobs.registry import list_jobs
from tests.commandline import Manage, check_one_line, count_rows
from tests.factories.billing import make_organization


@pytest.mark.django_db
def test_demo_data_are_refused_in_production(settings: Settings) -> None:
    settings.DEBUG = False
    before = count_rows()
    with pytest.raises(CommandError, match="loaded only where DEBUG is on") as refused:
        call_command("load_demo")
    assert refused.value.returncode == 2
    assert count_rows() == before


@pytest.mark.django_db(transaction=True)
def test_demo_data_are_not_put_among_others(manage: Manage) -> None:
    make_organization()
    before = count_rows()
    answer = manage("load_demo")
    assert answer.status == 0
    assert "Log in as admin@huntaze.test" in answer.out
    assert count_rows() == before
    assert (Organization.objects.count(), User.objects.count()) == (1, 0)


@pytest.mark.parametrize(
    "words",
    [
        ["load_demo", "--now"],
        ["list_jobs", "monthly-billing"],
        ["new_encryption_key", "2"],
        ["check_invoice_numbers", "--all"],
    ],
)
@pytest.mark.django_db(transaction=True)
def test_wrong_usage_is_one_line(manage: Manage, words: list[str]) -> None:
    check_one_line(manage(*words), "unrecognized arguments")


def test_a_new_key_can_be_used(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("new_encryption_key")
    key = capsys.readouterr().out.strip()
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"secret")) == b"secret"
    call_command("new_encryption_key")
    assert capsys.readouterr().out.strip() != key


def test_all_jobs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("list_jobs")
    listed = capsys.readouterr().out
    for job in list_jobs():
        assert f"{job.name}: {job.title}\n" in listed
    assert "    schedule (UTC): 0 2 1 * *, 0 2 2-31 * *\n" in listed
    assert "    --dry-run: " in listed
