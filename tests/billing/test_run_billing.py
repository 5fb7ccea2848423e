"""`manage.py run_billing`: what it does, prints and ends with."""

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import Organization
from billing.models import BillingAccount, Invoice, NumberSeries
from common.clock import now, previous_month
from jobs.models import JobRun
from onlyfans.models import CreatorAccount, EarningsAggregate
from tests.commandline import Answer, Manage, count_rows, start_program
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.runs import bill
from tests.outside import STRIPE_KEY, Outside
from tests.s3 import BUCKET, S3

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # The sandbox's thread is beside it; the worker processes leave it alone.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
YEAR = now().year
RunBilling = Callable[..., Answer]


def make(id_: str, cents: int, **fields: Any) -> Organization:
    organization = make_organization(make_plan(base_fee_cents=500, **fields), id=id_)
    earn(make_creator(organization), AUGUST, cents)
    return organization


def make_town() -> None:
    """One that is billed, one in another currency, one that is held and one whose plan is broken."""
    make("org_a", 10_000)
    make("org_b", 123_456)
    euro = make("org_c", 20_000, currency="EUR")
    Organization.objects.filter(pk=euro.pk).update(currency="EUR")
    EarningsAggregate.objects.filter(creator__organization=euro).update(currency="EUR")
    make("org_held", 10_000)
    BillingAccount.objects.filter(organization="org_held").update(max_total_cents=2_499)
    make("org_odd", 10_000).billing_account.plan.brackets.all().delete()


def odd_error() -> str:
    plan = BillingAccount.objects.get(organization="org_odd").plan
    return f"The plan “{plan}” has no commission brackets: add at least one."


def without_times(text: str) -> str:
    return re.sub(r"(Processing time: +)[\d.,]+ s", r"\1… s", text)


def latest() -> JobRun:
    return JobRun.objects.latest("id")


@pytest.fixture
def run_billing(outside: Outside, bucket: S3) -> RunBilling:
    """The program, told everything by its environment."""
    variables = {
        "INVOICE_ENABLE_S3": "1", "INVOICE_S3_BUCKET": BUCKET, "INVOICE_S3_REGION": "eu-west-1",
        "INVOICE_S3_ENDPOINT": bucket.endpoint, "INVOICE_ENABLE_STRIPE": "1", "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_API_BASE": outside.stripe_url, "INVOICE_ENABLE_EMAIL": "1",
        "INVOICE_SMTP_HOST": outside.sandbox.smtp_host, "INVOICE_SMTP_PORT": str(outside.sandbox.smtp_port),
        "INVOICE_SMTP_FROM": "Accounts <accounts@example.test>", "ONLYFANS_API_URL": outside.gateway_url,
        "ONLYFANS_USER_AGENT": "Tests/1.0",
    }  # fmt: skip
    return lambda *words, **more: start_program("run_billing", *words, **(variables | more))


def test_a_month_with_troubles_as_text(run_billing: RunBilling, outside: Outside, bucket: S3) -> None:
    make_town()
    answer = run_billing("--month", "2026-08")
    assert answer.status == 1
    expected = f"""\
Month:                    2026-08
Dry run:                  no
Run:                      #{latest().pk}, partly failed
Organizations processed:  5 of 5
Invoices:                 3
Held for approval:        1
Errors:                   generate 1, pdf 0, storage 0, stripe 0, email 0
Invoiced:                 EUR 45.00; USD 276.91
Processing time:          … s
  org_odd failed at compute: {odd_error()}
"""
    assert without_times(answer.out) == expected
    assert answer.err.splitlines()[-1] == f"Monthly billing #{latest().pk}: 5 of 5 (1 failed)"
    assert len(bucket.read()) == len(outside.list_mails()) == len(outside.list_objects("invoice")) == 3


def test_figures_from_before_the_months_end_are_said(manage: Manage) -> None:
    make("org_a", 10_000)
    EarningsAggregate.objects.update(received_at=dt.datetime(2026, 8, 20, tzinfo=dt.UTC))
    answer = manage("run_billing", "--month", "2026-08", "--dry-run")
    lines = answer.out.splitlines()
    assert answer.status == 0
    assert lines[lines.index("Held for approval:        0") + 1] == "Early figures:            1"


def test_a_month_without_as_json(run_billing: RunBilling, outside: Outside, bucket: S3) -> None:
    """With two workers, earnings from the gateway, and the summary to who wants it, once."""
    make("org_a", 10_000)
    pulled = make_creator(Organization.objects.get(), credentials={"token": "token-1"})
    outside.seed(pulled.onlyfans_user_id, AUGUST, tips=[1_000, 800])
    answer = run_billing(
        "--format", "json", "--workers", "2",
        PROCESS_MONTH="2026-08", NOTIFY_ON_COMPLETION="1", NOTIFY_EMAIL="boss@example.test,boss@example.test",
    )  # fmt: skip
    assert answer.status == 0, answer.err
    body = json.loads(answer.out)
    assert body.pop("seconds") >= 0
    assert body == {
        "run": JobRun.objects.get(job="monthly-billing").pk,
        "status": "succeeded",
        "error": "",
        "month": "2026-08",
        "dry_run": False,
        "organizations": 1,
        "invoices": 1,
        "held": 0,
        "errors": {"generate": 0, "pdf": 0, "storage": 0, "stripe": 0, "email": 0},
        "revenue_cents": {"USD": 2_660},
    }
    assert [(mail["to"], mail["from"], mail["times_received"]) for mail in outside.list_mails()] == [
        ([Organization.objects.get().email], "accounts@example.test", 1),
        (["boss@example.test"], "accounts@example.test", 1),
    ]
    assert [request["user_agent"] for request in outside.list_requests(service="onlyfans")] == ["Tests/1.0"]
    assert [found["total"] for found in outside.list_objects("invoice")] == [2_660]
    assert len(bucket.read()) == 1


def test_only_some_organizations_not_all_ways_and_then_anew(run_billing: RunBilling, outside: Outside) -> None:
    for id_ in ("org_a", "org_b", "org_c"):
        make(id_, 10_000)
    options = ["--organization", "org_a", "--organization", "org_c", "--no-stripe", "--no-email"]
    assert run_billing("--month", "2026-08", *options).status == 0
    assert sorted(Invoice.objects.values_list("organization", flat=True)) == ["org_a", "org_c"]
    assert outside.list_requests(service="stripe", method="POST") == []
    assert outside.list_mails() == []
    words = ["--organization", "org_a", "--regenerate", "--reason", "The plan was wrong"]
    assert run_billing("--month", "2026-08", *words).status == 0
    assert latest().reason == "The plan was wrong"
    assert list(Invoice.objects.filter(organization="org_a").order_by("id").values_list("status", "number")) == [
        ("void", f"INV-{YEAR}-000001"),
        ("finalized", f"INV-{YEAR}-000003"),
    ]
    assert len(outside.list_mails()) == len(outside.list_objects("invoice")) == 1


def test_a_dry_run_shows_the_difference_and_leaves_nothing(manage: Manage, wired: Outside, tmp_path: Path) -> None:
    make("org_a", 10_000)
    make("org_b", 30_000)
    july = AUGUST.plus(-1)
    for organization, cents in (("org_a", 5_000), ("org_b", 60_000)):
        earn(CreatorAccount.objects.get(organization=organization), july, cents)
    bill(july)
    bill(AUGUST, organizations=["org_a"])
    earn(CreatorAccount.objects.get(organization="org_a"), AUGUST, 12_000)
    pulled = make_creator(Organization.objects.get(pk="org_b"), credentials={"token": "token-1"})
    wired.seed(pulled.onlyfans_user_id, AUGUST, tips=[1_000, 800])
    make("org_odd", 1_000).billing_account.plan.brackets.all().delete()
    before, files, asked = count_rows(), list(tmp_path.rglob("*")), len(wired.list_requests())
    series = list(NumberSeries.objects.values())

    answer = manage("run_billing", "--month", "2026-08", "--dry-run")

    number = Invoice.objects.get(month=AUGUST.first_day).number
    already = f"Billed already as {number}; a run leaves it as it is, and delivers what is undelivered."
    assert answer.status == 1
    expected = f"""\
Organization  Would bill   Invoiced  Difference  Month before  Difference
org_a          USD 29.00  USD 25.00    USD 4.00     USD 15.00   USD 14.00  {already}
org_b          USD 66.60          -           -    USD 125.00  -USD 58.40
org_odd                -          -           -             -           -  {odd_error()}

Month:                    2026-08
Dry run:                  yes, nothing was kept
Run:                      #{latest().pk}, partly failed
Organizations processed:  3 of 3
Invoices:                 1
Held for approval:        0
Errors:                   generate 1, pdf 0, storage 0, stripe 0, email 0
Invoiced:                 USD 66.60
Processing time:          … s
  org_odd failed at compute: {odd_error()}
"""
    assert without_times(answer.out) == expected
    after = count_rows()
    assert {table: after[table] - before[table] for table in after if after[table] != before[table]} == {
        "jobs_jobrun": 1,
        "jobs_jobitem": 3,
        # That it was asked for is known for ever, too.
        "accounts_auditentry": 1,
    }
    assert list(tmp_path.rglob("*")) == files
    assert list(NumberSeries.objects.values()) == series
    assert [(request["service"], request["method"]) for request in wired.list_requests()[asked:]] == [
        ("onlyfans", "GET")
    ]
    assert wired.list_mails() == []


def test_a_dry_run_as_json(manage: Manage) -> None:
    make("org_a", 10_000)
    answer = manage("run_billing", "--month", "2026-08", "--dry-run", "--format", "json")
    body = json.loads(answer.out)
    assert (answer.status, body["dry_run"], body["invoices"]) == (0, True, 1)
    assert body["differences"] == [
        {
            "organization": "org_a",
            "status": "done",
            "note": "",
            "currency": "USD",
            "total_cents": 2_500,
            "invoiced_cents": None,
            "former_total_cents": None,
        }
    ]
    assert not Invoice.objects.exists()


def test_the_environment_can_ask_for_a_dry_run_and_a_month(manage: Manage, settings: Settings) -> None:
    make("org_a", 10_000)
    settings.DRY_RUN, settings.PROCESS_MONTH = True, AUGUST
    answer = manage("run_billing")
    assert answer.status == 0
    assert (latest().dry_run, latest().params["month"]) == (True, "2026-08")
    assert not Invoice.objects.exists()
    manage("run_billing", "--month", "2026-07")
    assert (latest().dry_run, latest().params["month"]) == (True, "2026-07")


def test_unasked_it_bills_the_last_month_that_has_ended(manage: Manage) -> None:
    manage("run_billing")
    assert latest().params["month"] == str(previous_month())
    assert latest().status == "nothing_to_do"
