"""How long billing keeps what it has."""

import datetime as dt

from django.db.models import Q

from billing.models import StripeEvent
from jobs.retention import Retention, register_retention

# A dispute can come four months after a payment. The repair would fetch events again that Stripe still lists (30 days).
_EVENT_DAYS = 400
_Status = StripeEvent.Status
_OPEN_DISPUTES = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


def _delete_events(before: dt.datetime, limit: int) -> int:
    ended = StripeEvent.objects.filter(
        status__in=[_Status.DONE, _Status.IGNORED, _Status.DISMISSED], finished_at__lt=before
    )
    is_settled = Q(invoice__remaining_cents__lte=0) & ~Q(invoice__stripe_record__dispute__in=_OPEN_DISPUTES)
    free = ended.filter(Q(invoice=None) | is_settled).order_by("pk")
    keys = list(free.values_list("pk", flat=True)[:limit])
    return StripeEvent.objects.filter(pk__in=keys).delete()[0]


for retention in (
    Retention("invoices", "Invoices, credit notes and payments", None, "Kept for ever: they are the books."),
    Retention("usage", "Usage events and hours", None, "Kept for ever: they explain invoices."),
    Retention(
        "stripe-events",
        "Processed Stripe events",
        _EVENT_DAYS,
        "Those of open or disputed invoices stay, and failed ones.",
        _delete_events,
    ),
):
    register_retention(retention)
