"""Stripe's events: their signature, and what their bodies say, as facts that can be joined in any order."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import stripe

from billing.providers.stripe_amounts import from_wire
from billing.providers.stripe_marks import DOCUMENT_MARK, ORGANIZATION_MARK
from common.errors import Permanent

TOLERANCE_SECONDS = 300
INVOICE_TYPES = (
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.updated",
    "invoice.voided",
)
PAYMENT_TYPES = ("invoice_payment.paid",)
NOTE_TYPES = ("credit_note.created", "credit_note.updated", "credit_note.voided")
BALANCE_TYPES = ("customer_balance_transaction.created", "customer_balance_transaction.updated")
CUSTOMER_TYPES = ("customer.created", "customer.deleted", "customer.updated")
CHARGE_TYPES = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.refunded",
    "refund.failed",
    "refund.updated",
)
# What changes something here; all else is kept and ignored.
HANDLED_TYPES = INVOICE_TYPES + CUSTOMER_TYPES + CHARGE_TYPES + PAYMENT_TYPES + NOTE_TYPES + BALANCE_TYPES

# An invoice in Stripe only ever moves to the right, and never from void to paid: the furthest state seen is its state.
STATES = ("open", "uncollectible", "void", "paid")
# What the database's text can't hold.
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_ID, _LONGEST_TYPE = 255, 100
_LAST_SECOND = 253_402_300_799


class BadSignature(Exception):
    """Nobody who knows one of our secrets signed this lately."""


class NotAnEvent(ValueError):
    """A body that is no event of Stripe's; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class EventHead:
    """What every event says of itself."""

    id: str
    type: str
    object_id: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """What is known of an invoice's payment; joining takes the further of two in each respect.

    `failure` is the number of the attempt that failed last and when it did; `is_credited` says that it is paid in
    Stripe only because credit notes left nothing to pay.
    """

    state: str = STATES[0]
    is_credited: bool = False
    amount_paid_cents: int = 0
    # None until it is finalized, and the same ever after.
    balance_applied_cents: int | None = None
    paid_at: dt.datetime | None = None
    attempts: int = 0
    failure: tuple[int, dt.datetime] | None = None

    def join(self, other: "InvoiceFacts") -> "InvoiceFacts":
        """Join what two sources know; commutative, associative and idempotent, so that no order matters."""
        return InvoiceFacts(
            state=max(self.state, other.state, key=STATES.index),
            is_credited=self.is_credited or other.is_credited,
            amount_paid_cents=max(self.amount_paid_cents, other.amount_paid_cents),
            balance_applied_cents=max(
                (cents for cents in (self.balance_applied_cents, other.balance_applied_cents) if cents is not None),
                default=None,
            ),
            paid_at=max(filter(None, (self.paid_at, other.paid_at)), default=None),
            attempts=max(self.attempts, other.attempts),
            failure=max(filter(None, (self.failure, other.failure)), default=None),
        )


@dataclass(frozen=True, slots=True)
class InvoiceReport:
    """An event about an invoice: which one, whether it bears a mark and a number of ours, and what it says.

    `must_look` says that something changed which can rise and fall, so that no event's body tells what holds now.
    """

    stripe_id: str
    mark: str
    number: str
    facts: InvoiceFacts
    must_look: bool = False


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """An event about a payment of an invoice: what it is called there, of which invoice, how much, when."""

    id: str
    stripe_invoice: str
    amount_cents: int
    paid_at: dt.datetime
    reference: str


@dataclass(frozen=True, slots=True)
class CustomerReport:
    """An event about a customer: which one, whose mark it bears, and when it was deleted, if it was."""

    stripe_id: str
    organization: str
    deleted_at: dt.datetime | None
    # The customer's credit; negative: it is owed.
    balance_cents: int = 0


def check_signature(body: bytes, header: str, secrets: Sequence[str]) -> None:
    """Check Stripe's signature against each secret; BadSignature where none fits or it is too old."""
    said = "No secret for Stripe's webhooks is set here."
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, header, secret, TOLERANCE_SECONDS)
        except stripe.SignatureVerificationError as error:
            is_old = "tolerance" in str(error)
            said = "The signature is too old." if is_old else "The signature does not fit the body."
            if is_old:
                break
        except ValueError:
            said = "The body is no UTF-8 text."
            break
        else:
            return
    raise BadSignature(said)


def read_head(event: Any) -> EventHead:
    """Read what an event says of itself; NotAnEvent where the body is none."""
    if not isinstance(event, dict) or event.get("object") != "event":
        raise NotAnEvent("This is no event of Stripe's.")
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        raise NotAnEvent("data.object is missing.")
    object_id = thing.get("id")
    return EventHead(
        _text(event, "id", _LONGEST_ID),
        _text(event, "type", _LONGEST_TYPE),
        _UNPRINTABLE.sub("", object_id[:_LONGEST_ID]) if isinstance(object_id, str) else "",
        _instant(event, "created"),
    )


def _text(event: dict[str, Any], name: str, most: int) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
        raise NotAnEvent(f"{name} must be a text of at most {most} characters.")
    return value


def _instant(event: dict[str, Any], name: str) -> dt.datetime:
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LAST_SECOND:
        raise NotAnEvent(f"{name} must be in seconds since 1970.")
    return dt.datetime.fromtimestamp(value, dt.UTC)


def read_invoice(event: Any) -> InvoiceReport:
    """Read an event about an invoice; Permanent where it does not say what such an event must."""
    try:
        thing = event["data"]["object"]
        return InvoiceReport(
            stripe_id=str(thing["id"]),
            mark=str((thing.get("metadata") or {}).get(DOCUMENT_MARK, "")),
            number=str(thing.get("number") or ""),
            facts=_read_facts(event, thing),
            must_look=event["type"] == "invoice.payment_failed" or _is_credited_by_update(event),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _unreadable("invoice", error) from None


def _is_credited_by_update(event: Any) -> bool:
    changed = event["data"].get("previous_attributes") or {}
    return bool({"pre_payment_credit_notes_amount", "post_payment_credit_notes_amount"} & changed.keys())


def _read_facts(event: Any, thing: Any) -> InvoiceFacts:
    facts = read_invoice_facts(thing)
    if event["type"] != "invoice.payment_failed":
        return facts
    return replace(facts, failure=(facts.attempts, dt.datetime.fromtimestamp(event["created"], dt.UTC)))


def read_invoice_facts(thing: Any) -> InvoiceFacts:
    """Read what an invoice of Stripe's, as a dictionary, says of its payment."""
    state = str(thing["status"])
    paid_at = thing["status_transitions"]["paid_at"]
    currency, ending = str(thing["currency"]), thing.get("ending_balance")
    paid = int(thing["amount_paid"]) + int(thing.get("amount_paid_off_stripe") or 0)
    applied = None if ending is None else from_wire(int(ending) - int(thing["starting_balance"]), currency)
    return InvoiceFacts(
        state=state if state in STATES else STATES[0],
        is_credited=state == "paid" and 0 < int(thing["total"]) <= int(thing["pre_payment_credit_notes_amount"]),
        amount_paid_cents=from_wire(paid, currency),
        balance_applied_cents=applied,
        paid_at=dt.datetime.fromtimestamp(paid_at, dt.UTC) if paid_at else None,
        attempts=int(thing["attempt_count"]),
    )


def read_payment(event: Any) -> PaymentReport:
    """Read an event about a payment of an invoice; Permanent where it does not say what such an event must."""
    try:
        return read_invoice_payment(event["data"]["object"])
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _unreadable("payment", error) from None


def read_invoice_payment(thing: Any) -> PaymentReport:
    """Read a paid payment of an invoice of Stripe's, as a dictionary."""
    paid = thing["payment"]
    return PaymentReport(
        id=str(thing["id"]),
        stripe_invoice=_id_of(thing["invoice"]),
        amount_cents=from_wire(int(thing["amount_paid"]), str(thing["currency"])),
        paid_at=dt.datetime.fromtimestamp(thing["status_transitions"]["paid_at"], dt.UTC),
        reference=_id_of(paid.get(paid["type"]) or ""),
    )


def read_subject(event: Any) -> str:
    """Read which invoice, or else which customer, an event about a credit note or a balance belongs to."""
    try:
        thing = event["data"]["object"]
        return _id_of(thing.get("invoice") or thing.get("customer") or "")
    except (AttributeError, KeyError, TypeError) as error:
        raise _unreadable("invoice", error) from None


def _id_of(thing: Any) -> str:
    return str(thing["id"] if isinstance(thing, dict) else thing)


def read_customer(event: Any) -> CustomerReport:
    """Read an event about a customer; Permanent where it does not say what such an event must."""
    try:
        thing = event["data"]["object"]
        is_deleted = event["type"] == "customer.deleted"
        return CustomerReport(
            stripe_id=str(thing["id"]),
            organization=str((thing.get("metadata") or {}).get(ORGANIZATION_MARK, "")),
            deleted_at=dt.datetime.fromtimestamp(event["created"], dt.UTC) if is_deleted else None,
            balance_cents=-from_wire(int(thing.get("balance") or 0), str(thing.get("currency") or "")),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise _unreadable("customer", error) from None


def read_payment_intent(event: Any) -> str:
    """Read which payment an event about a charge, a refund or a dispute belongs to; empty where to none."""
    try:
        return _id_of(event["data"]["object"].get("payment_intent") or "")
    except (AttributeError, KeyError, TypeError) as error:
        raise _unreadable("charge", error) from None


def _unreadable(kind: str, error: Exception) -> Permanent:
    return Permanent(
        f"The event does not say of its {kind} what Stripe's events say ({type(error).__name__}: {error})."
    )
