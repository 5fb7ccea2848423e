"""Who is due to be invoiced for a month."""

import datetime as dt
from collections.abc import Iterable, Iterator

from django.db.models import CharField, Exists, Func, Min, OuterRef, Q, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform

from accounts.models import Organization
from billing.models import BillingAccount, Invoice
from billing.selectors.inputs import rows
from common.clock import Month
from jobs.models import JobItem, JobRun

_LATEST_DAY = 31


def list_due(month: Month, due_by: dt.date) -> QuerySet[Organization]:
    """List the active organizations whose invoice day for a month has come by a day, overdue ones included.

    Whoever billing took up before that day began is left out, whatever became of the invoice: correcting it is for
    people to ask. A draft that no run works on was computed but not issued, so it keeps nobody out. A parked account is
    listed on its own day, so that the run says so, and not again every day after.
    An account that was made, unparked or became active again only after the month's end was not due for it. Where all
    the month's invoice days are over, those are listed who were due and whom no run took up. The answer is the same
    whenever it is asked.
    """
    day_began_at = dt.datetime.combine(due_by, dt.time(), tzinfo=dt.UTC)
    before = _taken_up(month).filter(computed_at__lt=day_began_at)
    # Whose draft was issued on that day or later had been left behind when it began; what is held is issued late, too.
    left_then = Q(held_reason="", finalized_at__gte=day_began_at)
    return _list_come(month, due_by).exclude(Exists(before.exclude(left_then)))


def list_billable(month: Month) -> QuerySet[Organization]:
    """List the active organizations, but for those whose first month on their billing account is a later one."""
    active = Organization.objects.filter(status=Organization.Status.ACTIVE)
    return active.exclude(billing_account__first_month__gt=month.first_day)


def keep_who_was_there(organizations: QuerySet[Organization], moment: dt.datetime) -> QuerySet[Organization]:
    """Keep those that were there at a moment and have been due without a break since."""
    return organizations.filter(created_at__lte=moment).exclude(billing_account__due_since__gt=moment)


def _list_come(month: Month, due_by: dt.date) -> QuerySet[Organization]:
    """List the active organizations that were due before the month's end and whose day has come, taken up or not.

    Who has no billing account is due from when the organization was made, so that a run says what is missing.
    """
    following = month.plus(1)
    account = "billing_account__"
    since = Q(**{f"{account}due_since__lt": month.ends_at}) | Q(billing_account=None, created_at__lt=month.ends_at)
    there = list_billable(month).filter(since)
    if due_by <= month.last_day:
        return there.none()
    if due_by > following.last_day:
        return there.filter(billing_account__parked_at=None, billing_account__isnull=False)
    comes_last = due_by == following.last_day
    own_day = Q(**{f"{account}schedule_day{'__gte' if comes_last else ''}": due_by.day})
    by_now = Q(**{f"{account}schedule_day__lte": _LATEST_DAY if comes_last else due_by.day})
    in_use = Q(**{f"{account}parked_at__isnull": True}) | own_day
    return there.filter((by_now & in_use) | Q(billing_account=None))


def _taken_up(month: Month) -> QuerySet[Invoice]:
    found = Invoice.objects.filter(organization=OuterRef("pk"), month=month.first_day, corrects=None)
    return found.exclude(_is_left_behind())


def list_left_drafts() -> QuerySet[Invoice]:
    """List the drafts that no run works on: computed, or approved by a person, and not issued since."""
    return Invoice.objects.filter(_is_left_behind(), corrects=None)


def _is_left_behind() -> Q:
    month = Func(OuterRef("month"), Value("YYYY-MM"), function="to_char", output_field=CharField())
    items = JobItem.objects.annotate(of=KeyTextTransform("month", "run__params")).filter(
        key=OuterRef("organization"),
        status__in=[JobItem.Status.PENDING, JobItem.Status.RUNNING],
        run__job="monthly-billing",
        run__dry_run=False,
        run__status__in=JobRun.ACTIVE,
        of=month,
    )
    return Q(~Exists(items), status=Invoice.Status.DRAFT)


_LEFT = """
    SELECT month, org.status, count(*), (array_agg(org.name ORDER BY org.id))[1:3] FROM accounts_organization org
    JOIN billing_billingaccount account ON account.organization_id = org.id AND account.parked_at IS NULL
    CROSS JOIN unnest(%s::date[]) AS asked(month)
    WHERE org.status IN ('suspended', 'closed') AND coalesce(account.first_month, month) <= month
    AND NOT EXISTS (
        SELECT 1 FROM billing_invoice WHERE organization_id = org.id AND month = asked.month AND corrects_id IS NULL
    )
    AND (
        EXISTS (
            SELECT 1 FROM onlyfans_creatoraccount creator JOIN onlyfans_earningsaggregate earned
            ON earned.creator_id = creator.id AND earned.month = asked.month AND (gross_cents, net_cents) <> (0, 0)
            WHERE creator.organization_id = org.id
        ) OR EXISTS (
            SELECT 1 FROM billing_meter meter JOIN billing_usagehour used ON used.meter_id = meter.id
            AND used.hour >= asked.month::timestamp AT TIME ZONE 'UTC'
            AND used.hour < (asked.month + interval '1 month') AT TIME ZONE 'UTC' AND used.quantity <> 0
            WHERE used.organization_id = org.id
        )
    )
    GROUP BY 1, 2 ORDER BY 1, 2
"""


def count_unbilled_of_who_left(months: Iterable[Month]) -> list[tuple[Month, str, int, list[str]]]:
    """Count, by month and status, who left, had earned or used something and was never invoiced, and name the first."""
    found = rows(_LEFT, [month.first_day for month in months])
    return [(Month.of(month), status, count, names) for month, status, count, names in found]


def list_left_over(due_by: dt.date) -> Iterator[Month]:
    """Go through the months, oldest first, whose invoice days were over before a day and that have somebody due."""
    since = BillingAccount.objects.filter(parked_at=None, organization__status=Organization.Status.ACTIVE)
    earliest = since.aggregate(earliest=Min("due_since"))["earliest"]
    if earliest is None:
        return
    month, until = Month.of(earliest), Month.of(due_by).plus(-1)
    while month < until:
        if _list_come(month, due_by).exclude(Exists(_taken_up(month))).exists():
            yield month
        month = month.plus(1)
