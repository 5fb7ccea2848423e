"""One of everything that staff can do something about."""

import datetime as dt
import json
import time
from typing import Any

import stripe
from django.conf import settings
from django.contrib.auth.models import Group
from django_celery_beat.models import PeriodicTask

from accounts.models import LockOut
from alerts.models import Incident, Notification, Rule
from alerts.services.composing import describe_test
from billing.models import Invoice, InvoiceDelivery, Payment, StripeEvent
from billing.services.books import stop_deliveries
from billing.services.parking import park_account
from billing.services.payments import record_payment
from common.clock import Month, now
from huntaze.models import ImportReject, TableImport
from jobs.models import JobMonitor, JobRun
from jobs.schedules import sync_schedules
from jobs.services.monitoring import pause_monitor, sync_monitors
from jobs.services.scheduling import pause_schedule
from onlyfans.models import CreatorAccount, EarningsAggregate, ResultFile, UnmatchedAggregate
from tests.factories.alerts import make_channel, make_rule
from tests.factories.billing import earn, make_creator, make_organization
from tests.factories.earnings import make_row, take_in
from tests.factories.events import take
from tests.factories.invoices import make_invoice, note_delivery, store_pdf
from tests.factories.ledger import make_item, make_run
from tests.factories.results import make_rejected

EVENT: dict[str, Any] = {
    "id": "evt_audited",
    "object": "event",
    "type": "invoice.paid",
    "created": 1_790_000_000,
    "data": {"object": {"id": "in_1", "object": "invoice"}},
}


def creator() -> CreatorAccount:
    return make_creator(make_organization())


def earnings() -> EarningsAggregate:
    return earn(creator(), Month(2026, 8), 1_000)


def recorded_payment(more_cents: int = -1_000) -> Payment:
    invoice = make_invoice()
    return record_payment(
        invoice.pk,
        amount_cents=invoice.total_cents + more_cents,
        received_date=now().date(),
        method=Payment.Method.CASH,
        reference="",
        actor=None,
        accepts_excess=True,
    )


def overpaid_invoice() -> Invoice:
    return recorded_payment(1_000).invoice


def stopped_deliveries() -> None:
    stop_deliveries("Stripe has a document that our books lack.", who="A test")


def rejected_result() -> ResultFile:
    return make_rejected()


def dismissed_result() -> ResultFile:
    return make_rejected(status="dismissed", ended_as="rejected", dismissed_at=now(), dismissed_reason="Before")


def unmatched() -> UnmatchedAggregate:
    take_in(make_row("of_stranger"))
    return UnmatchedAggregate.objects.latest("pk")


def dismissed() -> UnmatchedAggregate:
    found = unmatched()
    UnmatchedAggregate.objects.filter(pk=found.pk).update(dismissed_at=now(), dismissed_reason="Before")
    return found


def group() -> Group:
    return Group.objects.create(name="Before")


def rule() -> Rule:
    return make_rule(make_channel())


def lock() -> LockOut:
    until = now() + dt.timedelta(minutes=9)
    return LockOut.objects.create(kind="password", account="a@example.test", failures=5, locked_until=until)


def task() -> PeriodicTask:
    sync_schedules()
    return PeriodicTask.objects.get(name="hourly-usage")


def paused_task() -> PeriodicTask:
    found = task()
    schedule = found.job_schedule
    pause_schedule(schedule, actor=None, reason="Before", until=None, moment=now())
    return found


def monitor() -> JobMonitor:
    sync_monitors(now())
    return JobMonitor.objects.get(job="hourly-usage")


def paused_monitor() -> JobMonitor:
    found = monitor()
    pause_monitor(found, actor=None, reason="Before", until=now() + dt.timedelta(days=1), moment=now())
    return found


def incident() -> Incident:
    return Incident.objects.create(condition="job-late", scope="hourly-usage", severity="error", title="It is late")


def snoozed_incident() -> Incident:
    found = incident()
    found.snoozed_until = now() + dt.timedelta(hours=4)
    found.save()
    return found


def sent_message() -> Notification:
    status = Notification.Status.DEAD
    channel = make_channel()
    message = describe_test(channel, "Somebody")
    return Notification.objects.create(channel=channel, what=Notification.What.TEST, message=message, status=status)


def dismissed_message() -> Notification:
    found = sent_message()
    Notification.objects.filter(pk=found.pk).update(status="dismissed", ended_as="dead", dismissed_at=now())
    return found


def failed_run() -> JobRun:
    found = make_run("hourly-usage", JobRun.Status.PARTIAL, expected=1, failed=1)
    make_item(found, "2026-10-05T10:00:00Z", "failed")
    return found


def active_run() -> JobRun:
    return make_run("hourly-usage", JobRun.Status.RUNNING, expected=1)


def event(status: str = StripeEvent.Status.DEAD) -> StripeEvent:
    take([EVENT])
    StripeEvent.objects.update(status=status)
    return StripeEvent.objects.get()


def dismissed_event() -> StripeEvent:
    found = event(StripeEvent.Status.DISMISSED)
    StripeEvent.objects.update(dismissed_at=now(), ended_as="dead")
    return found


def account(*, parked: bool = False) -> Any:
    found = make_organization().billing_account
    return park_account(found.pk, actor=None, reason="Before") if parked else found


def parked_account() -> Any:
    return account(parked=True)


def mailed_invoice() -> Invoice:
    found = make_invoice()
    note_delivery(found, "email", "done")
    return found


def stored_invoice() -> Invoice:
    found = make_invoice()
    store_pdf(found)
    return found


def doubtful_email() -> InvoiceDelivery:
    return note_delivery(make_invoice(), "email", "unknown")


def signed_event() -> tuple[str, dict[str, str]]:
    """An event as Stripe's webhooks bring it: the body, and its headers."""
    body, secret = json.dumps(EVENT), settings.STRIPE_WEBHOOK_SECRET[0]
    signature = stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()))
    return body, {"stripe-signature": str(signature)}


def table_import() -> TableImport:
    """Make an import with a refused record."""
    made = TableImport.objects.create(name="huntaze-users", table="users")
    ImportReject.objects.create(table_import=made, key_digest="0", key="u-1", reasons={"email": "Bad."})
    return made
