"""Who is due to be invoiced for a month."""

import datetime as dt

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Organization
from billing.models import Invoice
from common.clock import Month

_LATEST_DAY = 31


def list_due(month: Month, due_by: dt.date) -> QuerySet[Organization]:
    """List the active organizations whose invoice day for a month has come by a day, overdue ones included.

    Whoever billing took up before that day began is left out, whatever became of the invoice: correcting it is for
    people to ask. A parked account is listed on its own day, so that the run says so, and not again every day after.
    The answer is the same whenever it is asked for.
    """
    following = month.plus(1)
    if due_by < following.first_day:
        return Organization.objects.none()
    comes_last = due_by >= following.last_day
    account = "billing_account__"
    own_day = Q(**{f"{account}schedule_day{'__gte' if comes_last else ''}": due_by.day})
    by_now = Q(**{f"{account}schedule_day__lte": _LATEST_DAY if comes_last else due_by.day})
    in_use = Q(**{f"{account}parked_at__isnull": True}) | own_day
    day_began_at = dt.datetime.combine(due_by, dt.time(), tzinfo=dt.UTC)
    taken_up = Invoice.objects.filter(
        organization=OuterRef("pk"), month=month.first_day, corrects=None, computed_at__lt=day_began_at
    )
    active = Organization.objects.filter(status=Organization.Status.ACTIVE)
    return active.filter((by_now & in_use) | Q(billing_account=None)).exclude(Exists(taken_up))
