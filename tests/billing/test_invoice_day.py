"""An organization's own invoice day: the daily run takes those who are due, and nobody twice."""

import datetime as dt
import json
import zoneinfo

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from accounts.models import Organization
from billing.models import BillingAccount, Invoice
from billing.selectors.due import list_due, list_left_over
from billing.services.parking import park_account, unpark_account
from common.clock import Month, now, previous_month
from jobs.models import JobItem, JobRun, JobSchedule
from jobs.registry import get_job
from jobs.schedules import make_crontab, sync_schedules
from jobs.services import InvalidParams, read_params, rerun, start
from jobs.services.scheduling import pause_schedule, start_due_slots
from tests.commandline import Manage
from tests.factories.billing import AUGUST, earn, make_creator, make_organization, make_plan
from tests.factories.invoices import ISSUED_AT, make_invoice
from tests.factories.runs import bill, finish, run

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]
JOB = "monthly-billing"


LONG_AGO = dt.datetime(2026, 8, 2, tzinfo=dt.UTC)


def make(day: int, due_since: dt.datetime = LONG_AGO, **fields: object) -> Organization:
    account = {"schedule_day": day, "due_since": due_since}
    organization = make_organization(make_plan(base_fee_cents=1_000), id=f"org_{day:02}", account=account, **fields)
    earn(make_creator(organization), AUGUST, 10_000)
    return organization


def september(day: int) -> dt.date:
    return dt.date(2026, 9, day)


def due(month: Month, day: dt.date) -> list[str]:
    return list(list_due(month, day).order_by("pk").values_list("pk", flat=True))


def keys(run: JobRun) -> list[str]:
    return list(JobItem.objects.filter(run=run).order_by("key").values_list("key", flat=True))


# Who is due


def test_each_is_due_from_its_day_on() -> None:
    for day in (1, 2, 15, 30, 31):
        make(day)
    assert due(AUGUST, dt.date(2026, 8, 31)) == []
    assert due(AUGUST, september(1)) == ["org_01"]
    assert due(AUGUST, september(2)) == ["org_01", "org_02"]
    assert due(AUGUST, september(14)) == ["org_01", "org_02"]
    assert due(AUGUST, september(15)) == ["org_01", "org_02", "org_15"]
    assert due(AUGUST, september(29)) == ["org_01", "org_02", "org_15"]
    everybody = ["org_01", "org_02", "org_15", "org_30", "org_31"]
    assert due(AUGUST, september(30)) == everybody
    assert due(AUGUST, dt.date(2026, 10, 1)) == everybody


@pytest.mark.parametrize(
    ("month", "day", "expected"),
    [
        (Month(2027, 1), dt.date(2027, 2, 27), []),
        (Month(2027, 1), dt.date(2027, 2, 28), ["org_29", "org_31"]),
        (Month(2028, 1), dt.date(2028, 2, 28), []),
        (Month(2028, 1), dt.date(2028, 2, 29), ["org_29", "org_31"]),
        (Month(2026, 9), dt.date(2026, 10, 29), ["org_29"]),
        (Month(2026, 9), dt.date(2026, 10, 31), ["org_29", "org_31"]),
        (Month(2026, 12), dt.date(2027, 1, 30), ["org_29"]),
    ],
)
def test_a_shorter_month_ends_with_all_later_days(month: Month, day: dt.date, expected: list[str]) -> None:
    make(29)
    make(31)
    assert due(month, day) == expected


def test_over_a_month_each_is_due_on_one_day_first() -> None:
    for day in range(1, 32):
        make(day)
    for month in (Month(2027, 1), Month(2028, 1), Month(2026, 8), Month(2026, 9)):
        following, seen = month.plus(1), set[str]()
        for number in range(1, following.last_day.day + 1):
            fresh = set(due(month, following.first_day.replace(day=number))) - seen
            last = number == following.last_day.day
            assert fresh == {f"org_{day:02}" for day in range(number, 32 if last else number + 1)}
            seen |= fresh


def test_who_was_taken_up_before_the_day_is_left_to_people() -> None:
    """Whatever became of the invoice: nobody is billed anew because a correction was made."""
    taken, fresh = make(1), make(2)
    invoice = make_invoice(taken)
    _date_back(1)
    assert due(AUGUST, september(1)) == [taken.pk]
    assert due(AUGUST, september(2)) == [fresh.pk]
    assert due(Month(2026, 9), dt.date(2026, 10, 2)) == [taken.pk, fresh.pk]
    for status in ("held", "rejected", "void", "credited", "nothing_due"):
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("UPDATE billing_invoice SET status = %s WHERE id = %s", [status, invoice.pk])
            cursor.execute("SET session_replication_role = origin")
        assert due(AUGUST, september(2)) == [fresh.pk], status


def test_overdue_ones_stay_due() -> None:
    make(1)
    assert due(AUGUST, september(20)) == ["org_01"]


def test_only_active_organizations_are_due_and_the_parked_on_their_own_day() -> None:
    make(1, status=Organization.Status.SUSPENDED)
    parked = make(2)
    BillingAccount.objects.filter(organization=parked).update(parked_at=ISSUED_AT, parked_reason="Dispute")
    bare = Organization.objects.create(id="org_bare", name="Without an account", created_at=LONG_AGO)
    Organization.objects.create(id="org_new", name="Made after the month", created_at=AUGUST.ends_at)
    assert due(AUGUST, september(1)) == [bare.pk]
    assert due(AUGUST, september(2)) == [parked.pk, bare.pk]
    assert due(AUGUST, september(3)) == [bare.pk]


def test_the_database_knows_the_days() -> None:
    organization = make(31)
    for day in (0, 32):
        with pytest.raises(IntegrityError), transaction.atomic():
            BillingAccount.objects.filter(organization=organization).update(schedule_day=day)


# What former months left over


def october(day: int) -> dt.date:
    return dt.date(2026, 10, day)


def test_who_was_due_stays_due_when_the_month_is_over_and_who_was_not_does_not() -> None:
    never = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    for day in (1, 30):
        make(day)
    make(2, due_since=never)
    make(3, due_since=never - dt.timedelta(microseconds=1))
    make(4, status=Organization.Status.CLOSED)
    parked = make(5)
    BillingAccount.objects.filter(organization=parked).update(parked_at=ISSUED_AT, parked_reason="Dispute")
    Organization.objects.create(id="org_bare", name="Without an account")
    make_invoice(Organization.objects.get(pk="org_01"))
    _date_back(1)
    assert due(AUGUST, october(1)) == ["org_03", "org_30"]
    assert due(AUGUST, dt.date(2027, 6, 1)) == ["org_03", "org_30"]


def test_months_with_somebody_due_are_listed_oldest_first_back_to_when_anybody_could_be() -> None:
    assert list(list_left_over(october(1))) == []
    make(1)
    assert list(list_left_over(september(30))) == []
    assert list(list_left_over(october(1))) == [AUGUST]
    make_invoice(Organization.objects.get(pk="org_01"))
    _date_back(1)
    assert list(list_left_over(october(31))) == []
    assert list(list_left_over(dt.date(2026, 12, 5))) == [Month(2026, 9), Month(2026, 10)]


def test_a_new_account_is_due_for_no_month_that_has_ended_and_neither_is_one_taken_up_again() -> None:
    organization = make(1, due_since=now())
    today = now().date()
    assert list(list_left_over(today)) == []
    assert due(previous_month(), today) == []
    this = previous_month().plus(1)
    assert due(this, this.plus(1).first_day) == ["org_01"]

    def date_back() -> None:
        BillingAccount.objects.update(due_since=LONG_AGO)
        assert AUGUST in list_left_over(today)

    date_back()
    account = BillingAccount.objects.get()
    park_account(account.pk, actor=None, reason="Dispute")
    assert BillingAccount.objects.get().due_since == LONG_AGO
    unpark_account(account.pk, actor=None, reason="Settled")
    assert list(list_left_over(today)) == []
    date_back()
    Organization.objects.filter(pk=organization.pk).update(status=Organization.Status.SUSPENDED)
    Organization.objects.filter(pk=organization.pk).update(status=Organization.Status.ACTIVE)
    assert list(list_left_over(today)) == []
    date_back()
    Organization.objects.filter(pk=organization.pk).update(name="Renamed", status=Organization.Status.ACTIVE)
    assert AUGUST in list_left_over(today)


# What a start covers


def test_without_a_month_those_are_billed_who_are_due_today() -> None:
    params = read_params(get_job(JOB), {}).model_dump()
    assert (params["month"], params["due_by"]) == (str(previous_month()), now().date())


@pytest.mark.parametrize(
    "asked", [{"month": "2026-08"}, {"organizations": ["org_01"]}, {"month": "2026-08", "organizations": ["org_01"]}]
)
def test_with_a_month_or_names_all_of_them_are(asked: dict[str, object]) -> None:
    assert read_params(get_job(JOB), asked).model_dump()["due_by"] is None


def test_what_was_left_to_the_job_is_nothing_that_somebody_asked_for() -> None:
    assert read_params(get_job(JOB), {}).model_fields_set == set()
    assert "due_by" not in read_params(get_job(JOB), {"email": False}).model_fields_set


def test_what_is_kept_with_a_run_is_read_back_the_same() -> None:
    job = get_job(JOB)
    for asked in ({}, {"month": "2026-08"}, {"month": "2026-08", "due_by": "2026-09-15"}, {"dry_run": True}):
        params = read_params(job, asked)
        assert read_params(job, params.model_dump(mode="json")) == params


def test_a_slot_asks_for_its_own_day_and_month_however_late_it_is_started() -> None:
    slot = dt.datetime(2026, 9, 30, 2, tzinfo=dt.UTC)
    assert get_job(JOB).scheduled(slot) == {"month": AUGUST, "due_by": september(30)}


@pytest.mark.parametrize(
    ("due_by", "said"),
    [
        ("2026-08-31", "Nobody is due for 2026-08 before 2026-09-01."),
        ("2999-01-01", "2999-01-01 has not come yet."),
    ],
)
def test_a_day_that_makes_no_sense_is_refused(due_by: str, said: str) -> None:
    job = get_job(JOB)
    with pytest.raises(InvalidParams) as refused:
        start(job, read_params(job, {"month": "2026-08", "due_by": due_by}), JobRun.Trigger.COMMAND)
    assert refused.value.errors == {"due_by": said}


def test_the_main_run_counts_as_the_months_and_other_days_do_not(settings: Settings) -> None:
    job = get_job(JOB)

    def is_whole(**asked: object) -> bool:
        return job(read_params(job, {"month": AUGUST, **asked})).is_whole()

    assert (is_whole(), is_whole(due_by=september(1)), is_whole(due_by=september(5))) == (True, True, False)
    assert (is_whole(organizations=["org_01"]), is_whole(email=False), is_whole(dry_run=True)) == (False, False, False)
    settings.RUN_SCHEDULE = "0 0 2 5 * *"
    assert (is_whole(due_by=september(1)), is_whole(due_by=september(5))) == (False, True)


# Runs


def bill_due(day: int, **params: object) -> JobRun:
    return bill(AUGUST, due_by=september(day), **params)


def test_day_after_day_each_is_billed_once_and_a_day_without_anybody_has_nothing_to_do() -> None:
    for day in (1, 2, 4):
        make(day)
    expected = {1: ["org_01"], 2: ["org_02"], 3: [], 4: ["org_04"]}
    for day, who in expected.items():
        ended = bill_due(day)
        assert keys(ended) == who
        assert (ended.expected, ended.done, ended.missing) == (len(who), len(who), 0)
        assert ended.status == ("succeeded" if who else "nothing_to_do")
        assert ended.summary["invoices"] == len(who)
        assert (ended.summary["month"], ended.summary["due_by"]) == ("2026-08", f"2026-09-{day:02}")
        _date_back(day)
    assert Invoice.objects.count() == 3
    assert keys(bill(AUGUST)) == ["org_01", "org_02", "org_04"]
    assert Invoice.objects.count() == 3


def _date_back(day: int) -> None:
    """Let what was computed just now have been computed on that day."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE billing_invoice SET computed_at = %s, "
            "finalized_at = least(finalized_at, CASE WHEN finalized_at IS NOT NULL THEN %s::timestamptz END) "
            "WHERE computed_at > now() - interval '10 minutes'",
            [dt.datetime(2026, 9, day, 2, tzinfo=dt.UTC)] * 2,
        )
        cursor.execute("SET session_replication_role = origin")


def test_a_rerun_of_a_day_covers_what_the_day_covered() -> None:
    make(1)
    make(2)
    first = bill_due(1)
    again, _ = rerun(first, JobRun.Mode.ALL, trigger="admin", actor=None, reason="Look again")
    again = finish(again)
    assert (keys(again), again.params) == (["org_01"], first.params)
    missing, _ = rerun(first, JobRun.Mode.MISSING, trigger="admin", actor=None, reason="Look again")
    assert finish(missing).status == "nothing_to_do"
    assert Invoice.objects.count() == 1


def test_a_preview_of_a_day_shows_the_day_and_keeps_nothing() -> None:
    make(1)
    make(2)
    ended = bill_due(1, dry_run=True)
    assert (keys(ended), ended.summary["invoices"], Invoice.objects.count()) == (["org_01"], 1, 0)


def test_one_day_may_be_billed_beside_another_and_beside_the_whole_month() -> None:
    """They cover different organizations; who stands in the way of whom is the database's to say."""
    job = get_job(JOB)

    def begin(**asked: object) -> JobRun:
        return start(job, read_params(job, {"month": AUGUST, **asked}), JobRun.Trigger.COMMAND)[0]

    runs = [begin(), begin(), begin(due_by=september(1)), begin(due_by=september(1)), begin(due_by=september(2))]
    assert runs[0] == runs[1] and runs[2] == runs[3]
    assert len(set(runs)) == 3


def test_days_without_a_scheduler_are_caught_up_each_for_its_own_month() -> None:
    sync_schedules()
    for day in (1, 29, 31):
        make(day)
    make_invoice(Organization.objects.get(pk="org_01"))
    _date_back(1)
    JobSchedule.objects.exclude(job=JOB).update(due_at=None)
    rows = JobSchedule.objects.filter(job=JOB)
    rows.update(counts_from=dt.datetime(2026, 9, 28, 12, tzinfo=dt.UTC))
    for row in rows.select_related("task__crontab"):
        row.due_at = row.next_slot(row.counts_from)
        row.save()
    started = start_due_slots(dt.datetime(2026, 10, 2, 1, tzinfo=dt.UTC))
    assert [(one.slot, one.params["month"], one.params["due_by"]) for one in started] == [
        ("schedule 2026-09-29T02:00:00Z", "2026-08", "2026-09-29"),
        ("schedule 2026-09-30T02:00:00Z", "2026-08", "2026-09-30"),
        ("schedule 2026-10-01T02:00:00Z", "2026-09", "2026-10-01"),
    ]
    assert [keys(finish(one)) for one in started] == [["org_29"], ["org_29", "org_31"], ["org_01"]]
    billed = Invoice.objects.order_by("organization", "month").values_list("organization", "month")
    assert [(who, month.month) for who, month in billed] == [("org_01", 8), ("org_01", 9), ("org_29", 8), ("org_31", 8)]


def _pause_over_two_months(moment: dt.datetime) -> list[JobRun]:
    """Let billing rest from September 3 to November 4, and return what the first tick afterwards starts."""
    sync_schedules()
    JobSchedule.objects.exclude(job=JOB).update(due_at=None)
    schedule = JobSchedule.objects.get(task__name=JOB)
    began_at, ended_at = dt.datetime(2026, 9, 3, 12, tzinfo=dt.UTC), dt.datetime(2026, 11, 4, 12, tzinfo=dt.UTC)
    pause_schedule(schedule, actor=None, reason="Move", until=ended_at, moment=began_at)
    assert start_due_slots(dt.datetime(2026, 11, 4, 11, tzinfo=dt.UTC)) == []
    return start_due_slots(ended_at) + start_due_slots(moment)


def test_a_pause_over_the_ends_of_months_leaves_nobody_unbilled() -> None:
    for day in (1, 15, 31):
        make(day)
    for organization in Organization.objects.filter(pk="org_01"):
        make_invoice(organization)
    _date_back(1)
    [begun] = _pause_over_two_months(dt.datetime(2026, 11, 5, 2, 1, tzinfo=dt.UTC))
    assert (begun.params["month"], begun.params["due_by"]) == ("2026-10", "2026-11-05")
    BillingAccount.objects.update(deliver_stripe=False, deliver_email=False)
    assert keys(finish(begun)) == ["org_01"]
    found = _follow("2026-11-05")
    assert [(run.params["month"], keys(run), run.status) for run in found] == [
        ("2026-08", ["org_15", "org_31"], "succeeded"),
        ("2026-09", ["org_01", "org_15", "org_31"], "succeeded"),
    ]
    assert found[0].reason == f"Left over: due for August 2026 and taken up by no run; found by {begun}."
    assert not any(get_job(JOB)(read_params(get_job(JOB), run.params)).is_whole() for run in found)
    assert Invoice.objects.count() == Invoice.objects.values("organization", "month").distinct().count() == 7
    finish(bill_like("2026-10", "2026-11-06"))
    assert _follow("2026-11-06") == []


def _follow(day: str) -> list[JobRun]:
    """Work on what a day's run went on with, each of which goes on with the next."""
    found: list[JobRun] = []
    while left := JobRun.objects.filter(slot__startswith="left over", slot__endswith=day, status="queued").first():
        found.append(finish(left))
    return found


def bill_like(month: str, day: str) -> JobRun:
    job = get_job(JOB)
    return start(job, read_params(job, {"month": month, "due_by": day}), JobRun.Trigger.COMMAND)[0]


@pytest.mark.parametrize("asked", [{"dry_run": True}, {"organizations": ["org_01"]}, {"due_by": None}])
def test_only_a_days_run_for_real_goes_on_with_former_months(asked: dict[str, object]) -> None:
    make(1)
    bill(Month(2026, 9), **{"due_by": october(5), **asked})
    assert not JobRun.objects.filter(slot__startswith="left over").exists()


def test_a_left_over_month_is_delivered_as_its_day_was_asked_to() -> None:
    make(1)
    bill(Month(2026, 9), due_by=october(5))
    found = JobRun.objects.get(slot="left over 2026-08 by 2026-10-05")
    assert (found.params["deliver"], found.trigger) == (False, "job")


def test_a_slot_is_read_where_its_schedule_is() -> None:
    def asked(text: str, zone: str) -> tuple[str, str]:
        values = get_job(JOB).scheduled(dt.datetime.fromisoformat(text).astimezone(zoneinfo.ZoneInfo(zone)))
        return str(values["month"]), str(values["due_by"])

    assert asked("2026-10-31T17:00Z", "Asia/Tokyo") == ("2026-10", "2026-11-01")
    assert asked("2026-11-01T00:00Z", "Asia/Tokyo") == ("2026-10", "2026-11-01")
    assert asked("2026-11-01T17:00Z", "Asia/Tokyo") == ("2026-10", "2026-11-01")
    assert asked("2026-11-02T03:00Z", "America/New_York") == ("2026-10", "2026-11-01")
    assert asked("2026-11-01T03:00Z", "America/New_York") == ("2026-09", "2026-10-31")
    assert asked("2026-11-01T02:00Z", "UTC") == ("2026-10", "2026-11-01")


def test_a_schedule_east_of_utc_bills_the_month_that_its_own_calendar_says() -> None:
    sync_schedules()
    JobSchedule.objects.exclude(task__name=JOB).update(due_at=None)
    row = JobSchedule.objects.get(task__name=JOB)
    row.task.crontab = make_crontab("0 8 1 * *", "Asia/Tokyo")
    row.task.save()  # type: ignore[no-untyped-call]  # the library leaves it untyped
    JobSchedule.objects.filter(pk=row.pk).update(due_at=dt.datetime(2026, 9, 30, 23, tzinfo=dt.UTC))
    [begun] = start_due_slots(dt.datetime(2026, 10, 1, 0, 1, tzinfo=dt.UTC))
    assert (begun.params["month"], begun.params["due_by"]) == ("2026-09", "2026-10-01")


def test_a_day_on_which_nobody_is_due_sends_no_summary(settings: Settings) -> None:
    settings.NOTIFY_ON_COMPLETION, settings.NOTIFY_EMAIL = True, ("finance@example.test",)
    bill_due(1)
    assert not JobRun.objects.filter(job="billing-summary").exists()
    make(1)
    bill_due(1)
    assert JobRun.objects.filter(job="billing-summary").count() == 1


def test_the_command_without_a_month_bills_those_due_and_says_so(manage: Manage) -> None:
    month = previous_month()
    there = {"due_since": month.starts_at}
    organization = make_organization(make_plan(base_fee_cents=1_000), id="org_a", account=there)
    earn(make_creator(organization), month, 10_000)
    later = 31 if now().day < 28 else 1
    make_organization(make_plan(base_fee_cents=1_000), id="org_b", account={"schedule_day": later, **there})
    answer = manage("run_billing", "--dry-run", "--format", "json")
    summary = json.loads(answer.out)
    assert summary["due_by"] == str(now().date())
    assert summary["organizations"] == (1 if later == 31 else 2)
    assert f"Due by: {now().date()}" in " ".join(manage("run_billing", "--dry-run").out.split())
    everybody = json.loads(manage("run_billing", "--month", str(month), "--dry-run", "--format", "json").out)
    assert (everybody["organizations"], "due_by" in everybody) == (2, False)


def test_run_job_without_parameters_covers_those_due() -> None:
    ended = run(JOB, deliver=False)
    assert (ended.status, ended.params["due_by"]) == ("nothing_to_do", str(now().date()))
