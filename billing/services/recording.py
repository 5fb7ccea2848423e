"""What becomes of invoices, told to the event log: in the same transaction; of those issued in bulk, a little later."""

import datetime as dt
from collections.abc import Iterable, Mapping

from django.db import transaction

from analytics.models import NewEvent
from analytics.services.recording import record_events
from billing.models import Invoice, NumberSeries
from common.clock import now

SOURCE = "billing"
_BATCH = 2_000


def record_invoices(
    name: str, invoices: Iterable[Invoice], moments: Mapping[int, dt.datetime] | None = None, **more: str
) -> int:
    """Record an event about each invoice, once for its life; `moments` says when, by id, where it was not just now.

    Returns how many were new; `more` are further properties.
    """
    moment, when = now(), moments or {}
    return record_events(
        NewEvent(
            name=name,
            occurred_at=when.get(invoice.pk, moment),
            idempotency_key=f"{name}:{invoice.pk}",
            organization_id=invoice.organization_id,
            source=SOURCE,
            properties={
                "number": invoice.number,
                "kind": invoice.kind,
                "month": str(invoice.period),
                "total_cents": invoice.total_cents,
                "currency": invoice.currency,
                **more,
            },
        )
        for invoice in invoices
    )


def record_issued(series_id: int) -> int:
    """Record the next invoices of a number series that the event log does not know; return how many numbers were read.

    Numbers have no gap and are committed in their order, so that what lies beyond the mark is all there is to tell.
    """
    with transaction.atomic():
        series = NumberSeries.objects.get(pk=series_id)
        last = min(series.last_number, series.recorded_number + _BATCH)
        numbers = [f"{series}-{place:06}" for place in range(series.recorded_number + 1, last + 1)]
        issued = list(Invoice.objects.filter(number__in=numbers, kind=Invoice.Kind.INVOICE))
        moments = {invoice.pk: invoice.finalized_at for invoice in issued if invoice.finalized_at}
        record_invoices("invoice.issued", issued, moments)
        # The last thing that is done: whoever gives the next number waits for this row.
        NumberSeries.objects.filter(pk=series_id, recorded_number__lt=last).update(recorded_number=last)
    return len(numbers)
