"""`run_billing --rerun-failed`: only what failed, and never more than what the command was asked."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from billing.models import BillingAccount, Invoice
from jobs.models import JobRun
from jobs.selectors import list_troubled_runs
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill

pytestmark = pytest.mark.django_db(transaction=True)


def _run_billing(*arguments: str) -> tuple[int, JobRun]:
    with pytest.raises(SystemExit) as ended:
        call_command("run_billing", "--month", str(AUGUST), "--reason", "Repaired", *arguments, stdout=StringIO())
    return int(ended.value.code or 0), JobRun.objects.latest("id")


def _fail_one() -> tuple[BillingAccount, JobRun]:
    """Bill two organizations, one of whose plans lacks its brackets until afterwards."""
    earn(make_creator(make_organization()), AUGUST, 10_000)
    broken = make_organization(make_plan(brackets=()))
    earn(make_creator(broken), AUGUST, 50_000)
    run = bill(AUGUST)
    assert (run.done, run.failed) == (1, 1)
    account = BillingAccount.objects.get(organization=broken)
    account.plan = make_plan()
    account.save()
    return account, run


def _billed() -> list[int]:
    return list(Invoice.objects.order_by("id").values_list("total_cents", flat=True))


def test_bills_what_failed() -> None:
    account, failed = _fail_one()
    status, run = _run_billing("--rerun-failed")
    assert (status, run.parent, run.mode, run.reason) == (0, failed, "failed", "Repaired")
    assert list(run.items.values_list("key", flat=True)) == [account.organization_id]
    assert _billed() == [2000, 10_000]


def test_a_dry_run_of_it_keeps_nothing() -> None:
    account, failed = _fail_one()
    status, run = _run_billing("--rerun-failed", "--dry-run")
    assert (status, run.parent, run.dry_run) == (0, failed, True)
    assert list(run.items.values_list("key", flat=True)) == [account.organization_id]
    assert _billed() == [2000]


def test_leaves_out_what_the_command_or_the_failed_run_left_out() -> None:
    _fail_one()
    _, run = _run_billing("--rerun-failed", "--no-email")
    assert (run.params["email"], run.params["stripe"], run.params["deliver"]) == (False, True, False)


def test_finds_what_failed_behind_a_later_run_of_somebody_else() -> None:
    account, failed = _fail_one()
    bill(AUGUST, organizations=[make_organization().pk])
    _, run = _run_billing("--rerun-failed")
    assert run.parent == failed
    assert list(run.items.values_list("key", flat=True)) == [account.organization_id]


def test_takes_what_failed_in_each_run_of_the_month() -> None:
    first, of_all = _fail_one()
    alone = make_organization(make_plan(brackets=()))
    earn(make_creator(alone), AUGUST, 30_000)
    of_one = bill(AUGUST, organizations=[alone.pk])
    BillingAccount.objects.filter(organization=alone).update(plan=make_plan())
    status, last = _run_billing("--rerun-failed")
    before = JobRun.objects.get(parent=of_all)
    assert (status, before.parent, last.parent) == (0, of_all, of_one)
    assert [run.items.get().key for run in (before, last)] == [first.organization_id, alone.pk]
    assert _billed() == [2000, 10_000, 6_000]


def test_one_that_fails_again_decides_the_exit_status() -> None:
    account, _ = _fail_one()
    broken = make_organization(make_plan(brackets=()))
    bill(AUGUST, organizations=[broken.pk])
    status, _ = _run_billing("--rerun-failed")
    assert (status, Invoice.objects.filter(organization=account.organization_id).count()) == (1, 1)


def test_a_run_whose_summary_was_sent_was_not_run_again(settings: Settings) -> None:
    settings.NOTIFY_ON_COMPLETION, settings.NOTIFY_EMAIL = True, ["boss@example.test"]
    _, failed = _fail_one()
    assert JobRun.objects.get(parent=failed).job == "billing-summary"
    assert list(list_troubled_runs()) == [failed]
    bill(AUGUST, organizations=[make_organization().pk])
    _run_billing("--rerun-failed")
    assert failed.pk in JobRun.objects.filter(mode="failed").values_list("parent", flat=True)
    assert failed not in list_troubled_runs()


def test_has_nothing_to_do_where_nothing_failed_that_was_not_run_again() -> None:
    _fail_one()
    _run_billing("--rerun-failed")
    status, run = _run_billing("--rerun-failed")
    assert (status, run.status, run.expected) == (0, "nothing_to_do", 0)
    assert _billed() == [2000, 10_000]


@pytest.mark.parametrize("arguments", [["--organization", "org_1"], ["--regenerate"]])
def test_refuses_what_it_could_not_obey(arguments: list[Any]) -> None:
    with pytest.raises(CommandError, match="leave --organization and --regenerate out") as refused:
        call_command("run_billing", "--rerun-failed", "--reason", "Repaired", *arguments)
    assert refused.value.returncode == 2
    assert not JobRun.objects.exists()
