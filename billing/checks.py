"""What can be wrong with billing: told by alerts."""

import datetime as dt
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Min, QuerySet
from django.urls import reverse

from alerts.registry import Finding, condition
from billing.models import Invoice, InvoiceDelivery, NumberSeries, StripeEvent
from billing.selectors.books import get_stopped
from billing.selectors.due import count_unbilled_of_who_left, list_left_drafts
from billing.selectors.payments import (
    list_differing,
    list_disputes_to_answer,
    list_failed_events,
    list_waiting_events,
)
from billing.selectors.series import SeriesReport, get_series_report
from billing.selectors.undelivered import list_failed_deliveries, list_unbegun
from common.clock import Month, now
from common.wording import name_some

# A run that is still at it may yet bring about what failed.
_PATIENCE = dt.timedelta(minutes=10)
# So many are named, of however many there are.
_NAMED = 3
# Of who has left, so many ended months are looked at.
_MONTHS_BACK = 3
# A series is counted again when it has grown, and otherwise so often.
_PROVED_FOR = dt.timedelta(hours=1)


@condition("invoices-held", title="Invoices need approval", severity="warning")
def find_held() -> Iterator[Finding]:
    """Find the invoices that were held so many days ago and that nobody decided about."""
    limit = now() - dt.timedelta(days=settings.BILLING_HELD_DAYS)
    held = Invoice.objects.filter(status=Invoice.Status.HELD, computed_at__lt=limit)
    figures = held.aggregate(count=Count("pk"), since=Min("computed_at"))
    if count := figures["count"]:
        names = _name_some(held, count)
        yield Finding(
            scope="held",
            title=f"The {names} needs approval" if count == 1 else f"{count:,} invoices need approval",
            detail=f"Held for more than {settings.BILLING_HELD_DAYS} days: {names}. Nothing is billed until somebody "
            "approves or rejects it.",
            since=figures["since"],
            link=f"{reverse('admin:billing_invoice_changelist')}?status__exact=held",
            advice="Open each invoice and press “Approve” or “Reject”.",
            count=count,
            permission="billing.approve_invoice",
        )


def _name_some(invoices: QuerySet[Invoice], count: int) -> str:
    """Name the first of some invoices, with their customers."""
    return name_some(map(_name, invoices.select_related("organization").order_by("pk")[:_NAMED]), count)


def _name(invoice: Invoice) -> str:
    what = invoice.get_kind_display().lower()
    named = f"{what} {invoice.number}" if invoice.number else f"{what} for {invoice.period.label}"
    return f"{named} of {invoice.organization}"


@condition("drafts-left", title="Invoices were computed but not issued")
def find_left_drafts() -> Iterator[Finding]:
    """Find the drafts that no run works on; those of parked organizations stay until somebody unparks them."""
    left = list_left_drafts().filter(computed_at__lt=now() - _PATIENCE, organization__billing_account__parked_at=None)
    figures = left.aggregate(count=Count("pk"), since=Min("computed_at"))
    if count := figures["count"]:
        names = _name_some(left, count)
        yield Finding(
            scope="left",
            title=f"The {names} was computed but not issued" if count == 1 else f"{count:,} invoices were not issued",
            detail=f"Not issued: {names}. The run that computed them was cancelled or stopped before it gave them "
            "numbers.",
            since=figures["since"],
            link=f"{reverse('admin:billing_invoice_changelist')}?status__exact=draft",
            advice="Press “Rerun missing” on that run, or bill the month for these organizations.",
            count=count,
            permission="billing.run_billing",
        )


@condition("left-unbilled", title="A customer who left has an unbilled month", severity="warning")
def find_unbilled_of_who_left() -> Iterator[Finding]:
    """Find the last months in which organizations that are suspended or closed now earned or used something."""
    last = Month.of(now()).plus(-1)
    months = [last.plus(-back) for back in range(_MONTHS_BACK)]
    for month, status, count, first in count_unbilled_of_who_left(months):
        names = name_some(first, count)
        who = f"{names}, now {status}, was" if count == 1 else f"{count:,} {status} organizations were"
        yield Finding(
            scope=f"{month} {status}",
            title=f"{who} not billed for {month.label}",
            detail=f"Not billed: {names}. They earned or used something in that month, and the schedule bills active "
            "organizations only.",
            since=month.ends_at,
            link=f"{reverse('admin:accounts_organization_changelist')}?status__exact={status}",
            advice="Press “Run billing” and enter the month and the organization's id, or open its billing account "
            "and press “Park” if nothing should be billed.",
            count=count,
            permission="billing.run_billing",
        )


@condition("deliveries-failed", title="Invoices were not delivered")
def find_failed_deliveries() -> Iterator[Finding]:
    """Find, by step of the delivery, what failed a while ago or ended nobody knows how."""
    failed = list_failed_deliveries().filter(created_at__lt=now() - _PATIENCE)
    for step, count, since in failed.order_by().values_list("step").annotate(Count("pk"), Min("created_at")):
        label = InvoiceDelivery.Step(step).label
        rows = failed.filter(step=step).order_by("invoice_id", "id")
        names = name_some((_name(row.invoice) for row in rows.select_related("invoice__organization")[:_NAMED]), count)
        said = rows.exclude(error="").values_list("error", flat=True).first()
        yield Finding(
            scope=step,
            title=f"{label} failed for {names if count == 1 else f'{count:,} invoices'}",
            detail=" ".join(filter(None, [f"Not delivered: {names}.", said])),
            since=since,
            link=f"{reverse('admin:billing_invoice_changelist')}?failed={step}",
            advice="Fix what the error names, then open the invoice and press “Retry”.",
            count=count,
            permission="billing.deliver_invoice",
        )
    yield from _find_unbegun()


def _find_unbegun() -> Iterator[Finding]:
    """Find the invoices of which a step was never begun: their run was cancelled, stopped, or not to deliver."""
    unbegun = list_unbegun().filter(finalized_at__lt=now() - _PATIENCE)
    figures = unbegun.aggregate(count=Count("pk"), since=Min("finalized_at"))
    if count := figures["count"]:
        names = _name_some(unbegun, count)
        yield Finding(
            scope="not begun",
            title=f"The {names} was not delivered" if count == 1 else f"{count:,} invoices were not delivered",
            detail=f"Issued, but never or only partly delivered: {names}. The run that issued them was cancelled or "
            "stopped, or was started without delivery.",
            since=figures["since"],
            link=f"{reverse('admin:billing_invoice_changelist')}?failed=any",
            advice="Open the invoice and press “Retry”; for many, run billing for their month again: nobody is billed "
            "twice.",
            count=count,
            permission="billing.deliver_invoice",
        )


@condition("stripe-events-failed", title="Stripe events failed")
def find_failed_events() -> Iterator[Finding]:
    """Find the events that were tried as often as they are."""
    figures = list_failed_events().aggregate(count=Count("pk"), since=Min("received_at"))
    if count := figures["count"]:
        events = list_failed_events().select_related("invoice__organization", "account__organization").defer("body")
        last = list(events.order_by("-id")[:_NAMED])
        names = name_some(map(_name_event, last), count)
        yield Finding(
            scope="failed",
            title=f"A Stripe event failed: {names}" if count == 1 else f"{count:,} Stripe events failed",
            detail=" ".join(filter(None, [f"Not processed: {names}.", last[0].error if last else ""])),
            since=figures["since"],
            link=f"{reverse('admin:billing_stripeevent_changelist')}?status__exact=dead",
            advice="Fix what the error names, then press “Process again”; or press “Dismiss” if nobody needs it.",
            count=count,
            permission="billing.process_stripeevent",
        )


def _name_event(event: StripeEvent) -> str:
    if event.invoice:
        return f"{event.type} about {_name(event.invoice)}"
    return f"{event.type} about {event.account.organization}" if event.account else event.type


@condition("stripe-events-waiting", title="Stripe events are not being processed")
def find_waiting_events() -> Iterator[Finding]:
    """Find whether events wait that came a while ago and were never tried: nobody listens to their queue."""
    waiting = list_waiting_events(now() - _PATIENCE).filter(attempts=0, status=StripeEvent.Status.WAITING)
    figures = waiting.aggregate(count=Count("pk"), since=Min("received_at"))
    if count := figures["count"]:
        first = waiting.select_related("invoice__organization", "account__organization").defer("body").order_by("id")
        names = name_some(map(_name_event, first[:_NAMED]), count)
        yield Finding(
            scope="waiting",
            title=f"{count:,} Stripe events are not being processed"
            if count > 1
            else f"A Stripe event is not being processed: {names}",
            detail=f"Received more than ten minutes ago: {names}. Until they are processed, payments that they report "
            "are missing here.",
            since=figures["since"],
            link=f"{reverse('admin:billing_stripeevent_changelist')}?status__exact=waiting",
            advice="Ask an engineer whether beat is running and whether a worker takes the queue “webhooks”.",
            count=count,
        )


@condition("stripe-differs", title="Invoices differ from Stripe", severity="warning")
def find_differing() -> Iterator[Finding]:
    """Find the invoices about which a person must decide, since Stripe and we differ."""
    if count := list_differing().count():
        names = _name_some(list_differing(), count)
        yield Finding(
            scope="differs",
            title=f"The {names} differs from Stripe" if count == 1 else f"{count:,} invoices differ from Stripe",
            detail=f"About: {names}. Somebody voided, credited or refunded them in Stripe, they were paid after we "
            "voided them, or Stripe asks for another amount than we do.",
            link=f"{reverse('admin:billing_invoice_changelist')}?payment=differs",
            advice="Open each invoice: its page says what differs and what to do.",
            count=count,
            permission="billing.correct_invoice",
        )


@condition("books-differ", title="Deliveries are off", severity="critical")
def find_stopped() -> Iterator[Finding]:
    """Find whether deliveries are switched off: Stripe has documents that our books don't."""
    stopped = get_stopped()
    if stopped is not None:
        yield Finding(
            scope="books",
            title="Deliveries are off: our books and Stripe's differ",
            detail=stopped.stopped_reason,
            since=stopped.stopped_at,
            link=reverse("admin:billing_invoice_changelist"),
            advice="Ask an engineer to run manage.py reconcile_stripe, and settle what it lists. Then press “Switch "
            "deliveries on…” on the list of invoices.",
            permission="billing.correct_invoice",
        )


@condition("payments-disputed", title="Disputes need a response", severity="warning")
def find_disputed() -> Iterator[Finding]:
    """Find the disputes that are lost unless somebody answers them in time."""
    if count := list_disputes_to_answer().count():
        names = _name_some(Invoice.objects.filter(stripe_record__in=list_disputes_to_answer()), count)
        yield Finding(
            scope="disputed",
            title=f"The dispute about {names} needs a response"
            if count == 1
            else f"{count:,} disputes need a response",
            detail=f"Disputed: {names}. The customer's bank has taken the money back. Without a response in time it "
            "stays lost.",
            link=f"{reverse('admin:billing_invoice_changelist')}?payment=disputed",
            advice="Respond in the Stripe dashboard before the date given there. Each invoice's page shows the amount.",
            count=count,
        )


@condition("number-gap", title="Invoice numbers have a gap or a duplicate", severity="critical")
def find_broken_series() -> Iterator[Finding]:
    """Find the series whose numbers are not each there once."""
    for series in NumberSeries.objects.all():
        report = _prove(series)
        if report is not None and not report.is_sound:
            yield Finding(
                scope=str(series),
                title=f"The invoice numbers {series} have a gap or a duplicate",
                detail=report.verdict,
                link=reverse("admin:billing_numberseries_change", args=[series.pk]),
                advice="Don't run billing until an engineer knows why: something else changed the database.",
                count=max(report.missing, 1),
            )


def _prove(series: NumberSeries) -> SeriesReport | None:
    """Return the proof of a series, counted anew where it has grown; None where it grows at this moment."""
    key = f"billing:series:{series.pk}:{series.last_number}"
    known: SeriesReport | None = cache.get(key)
    if known is not None:
        return known
    report = get_series_report(series)
    if NumberSeries.objects.get(pk=series.pk).last_number != series.last_number:
        return None
    if report.is_sound:
        cache.set(key, report, _PROVED_FOR.total_seconds())
    return report
