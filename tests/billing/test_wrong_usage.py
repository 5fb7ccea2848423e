"""Nonsense to billing's commands is answered with one line and status 2, and changes nothing."""

import pytest

from common.clock import Month, now, previous_month
from tests.commandline import Manage, check_one_line, count_rows
from tests.factories.billing import AUGUST, earn, make_creator, make_organization

# A command closes its connections at its end.
pytestmark = pytest.mark.django_db(transaction=True)

THIS_MONTH = str(Month.of(now()))
NONSENSE: list[tuple[list[str], str]] = [
    (["--month", "2026-13"], "month: “2026-13” is not a month: write it as year and month, like 2026-10."),
    (["--month", "August"], "month: “August” is not a month: write it as year and month, like 2026-10."),
    (["--month", ""], "month: “” is not a month: write it as year and month, like 2026-10."),
    (["--month", "0001-01"], "month: “0001-01” is not a month: write it as year and month, like 2026-10."),
    (["--month", THIS_MONTH], f"month: {THIS_MONTH} has not ended yet; the last month that has is {previous_month()}."),
    (["--month", "2999-12"], f"month: 2999-12 has not ended yet; the last month that has is {previous_month()}."),
    (["--organization", "org_x"], "organizations: There is no organization org_x."),
    (
        ["--organization", "org_a", "--organization", "'; --", "--organization", "ü"],
        "organizations: There is no organization '; --, ü.",
    ),
    (["--workers", "0"], "--workers: give a number from 1 to 64."),
    (["--workers", "65"], "--workers: give a number from 1 to 64."),
    (["--workers", "two"], "argument --workers: invalid int value: 'two'"),
    (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
    (["--months", "2026-08"], "unrecognized arguments: --months 2026-08"),
    (["2026-08"], "unrecognized arguments: 2026-08"),
    (["--month"], "argument --month: expected one argument"),
    (["--regenerate"], "--reason: say why this is run again; the reason is kept with the run."),
    (["--regenerate", "--reason", "Wrong"], "regenerate: Name the organizations whose invoices are to be made anew."),
    (["--rerun-failed"], "--reason: say why this is run again; the reason is kept with the run."),
    (["--rerun-failed", "--reason", "Repaired"], "rerun-failed: there is no run of"),
]


@pytest.mark.parametrize(("words", "said"), NONSENSE, ids=[" ".join(words) for words, _ in NONSENSE])
def test_nonsense_is_one_line_and_changes_nothing(manage: Manage, words: list[str], said: str) -> None:
    earn(make_creator(make_organization(id="org_a")), AUGUST, 10_000)
    before = count_rows()
    check_one_line(manage("run_billing", *words), said)
    assert count_rows() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["monthly-billing", "--month", "2026-13"], "month: “2026-13” is not a month"),
        (["monthly-billing", "--organizations", "org_x"], "There is no organization org_x."),
        (["hourly-usage", "--hour", "noon"], "hour: "),
        (["hourly-usage", "--hour", "2026-08-01T10:00:00"], "hour: "),
        (["hourly-usage", "--hour", "0001-01-01T00:00:00+14:00"], "hour: Give an hour that has begun"),
        (["hourly-usage", "--hour", "2999-01-01T00:00:00Z"], "hour: Give an hour that has begun"),
        (["deliver-invoices"], "invoices: "),
        (["deliver-invoices", "--invoices", "one"], "invoices: "),
        (["deliver-invoices", "--invoices", "7"], "There is no invoice 7."),
        (["deliver-invoices", "--invoices", str(10**30)], f"There is no invoice {10**30}."),
        (["deliver-invoices", "--invoices", "-1"], "There is no invoice -1."),
        (["billing-summary", "--run", "7"], "There is no billing run 7."),
        (["billing-summary", "--run", str(10**30)], f"There is no billing run {10**30}."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_nonsense_to_each_job_is_one_line_and_changes_nothing(manage: Manage, words: list[str], said: str) -> None:
    before = count_rows()
    check_one_line(manage("run_job", *words), said)
    assert count_rows() == before
