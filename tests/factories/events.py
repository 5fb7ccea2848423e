"""Stripe's events as the sandbox has them, and how they come in."""

import json
from collections.abc import Iterable
from typing import Any

from billing.models import BillingAccount, Invoice, StripeEvent, StripeRecord
from billing.providers.stripe_events import HANDLED_TYPES, read_head
from billing.services.delivering import deliver_stripe
from billing.services.delivering.claims import Parcel
from billing.services.events import process_events, take_event
from common.clock import now
from tests.factories.holders import hold
from tests.factories.invoices import make_invoice
from tests.outside import Outside

Event = dict[str, Any]
_PAYMENT = (
    "stripe_invoice", "state", "is_credited", "amount_paid_cents", "paid_at", "attempts", "failed_attempt", "failed_at",
    "failure", "refunded_cents", "dispute", "disputed_cents",
)  # fmt: skip


def keep_event(number: int, **fields: object) -> StripeEvent:
    """Store an event as it came in."""
    values = {"type": "invoice.paid", "source": "webhook", "body": {}, "created_at": now(), **fields}
    return StripeEvent.objects.create(event_id=f"evt_{number}", **values)


def make_sent(cents: int = 100_000, **account: Any) -> tuple[Invoice, str]:
    """Issue an invoice and bring it to Stripe; return it and what it is called there."""
    invoice = make_invoice(cents=cents, **account)
    deliver_stripe(Parcel(invoice.pk, hold()))
    return invoice, invoice.deliveries.get(step="stripe").reference


def happen(outside: Outside, stripe_invoice: str, what: str, **given: Any) -> dict[str, Any]:
    """Let a customer or a bank do something about an invoice in Stripe."""
    return outside.control("POST", f"/stripe/invoices/{stripe_invoice}/{what}", **given)


def list_events(outside: Outside, *types: str) -> list[Event]:
    """List what Stripe has to tell, the oldest first: of some types, or of all that change something here."""
    return [event for event in outside.list_objects("event") if event["type"] in (types or HANDLED_TYPES)]


def take(events: Iterable[Event], source: str = StripeEvent.Source.WEBHOOK) -> list[int]:
    """Store events as if they had come; return the rows that are new."""
    taken = [take_event(read_head(event), json.dumps(event), source) for event in events]
    return [id_ for id_ in taken if id_ is not None]


def hear(outside: Outside, *types: str) -> None:
    """Take in and process what Stripe has to tell."""
    take(list_events(outside, *types))
    process_events()


def look_around() -> dict[str, Any]:
    """All that events can change here, by number and by organization."""
    return {
        "invoices": dict(Invoice.objects.order_by("pk").values_list("pk", "status")),
        "payments": list(StripeRecord.objects.order_by("pk").values_list("pk", *_PAYMENT)),
        "accounts": list(
            BillingAccount.objects.order_by("pk").values_list(
                "organization", "stripe_customer_id", "stripe_customer_deleted_at"
            )
        ),
    }
