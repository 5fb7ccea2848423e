"""The state behind the API: objects, ids, time and the log of events."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.store import Document, Store
from sandbox.stripe.errors import missing, server_error
from sandbox.stripe.spec import Specification

API_VERSION = "2026-10-28.endive"
ACCOUNT = "acct_sandbox"
COLLECTIONS = {
    "charge": "stripe.charges",
    "credit_note": "stripe.credit_notes",
    "customer": "stripe.customers",
    "dispute": "stripe.disputes",
    "event": "stripe.events",
    "invoice": "stripe.invoices",
    "invoice_payment": "stripe.invoice_payments",
    "invoiceitem": "stripe.invoiceitems",
    "payment_intent": "stripe.payment_intents",
    "refund": "stripe.refunds",
}
LINES, KEYS, SETTINGS, DISCOUNTS = "stripe.lines", "stripe.keys", "stripe.settings", "stripe.discounts"
KINDS = {
    "charge": "charge",
    "credit_note": "credit note",
    "dispute": "dispute",
    "event": "event",
    "invoice": "invoice",
    "invoiceitem": "invoice item",
    "payment_intent": "payment_intent",
    "refund": "refund",
    "invoice_payment": "invoice payment",
    "customer": "customer",
}


@dataclass
class Call:
    """One request: the ids in its path, its parameters, and the request that it is part of."""

    ids: dict[str, str]
    params: dict[str, Any]
    path: str
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def id(self) -> str:
        """The id that the path names."""
        return next(iter(self.ids.values()))


Handler = Callable[["World", Call], Document]


@dataclass
class World:
    """Everything that the stand-in knows. `url` is where its pages are, without a trailing slash."""

    store: Store
    spec: Specification
    url: str = ""
    advanced: float = 0.0
    call: Call | None = None
    check_answers: bool = True
    # Called with the id of every event written.
    listener: Callable[[str], object] = lambda _: None

    def check(self, wrong: str | None) -> None:
        """Refuses to say something that Stripe could not say. Raises StripeError (500)."""
        if wrong:
            raise server_error(f"The sandbox's own answer does not fit Stripe's description: {wrong}")

    def now(self) -> int:
        """Seconds since 1970, by a clock that can be put forward."""
        return int(time.time() + self.advanced)

    def new_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"

    def get(self, kind: str, id: str, param: str = "id", status: int = 400) -> Document:
        """The object with this id. Raises StripeError (`resource_missing`) when there is none, or none any more."""
        found = self.store.get(COLLECTIONS[kind], id)
        if found is None or found.get("deleted"):
            raise missing(KINDS[kind], id, param, status)
        return found

    def put(self, kind: str, document: Document) -> None:
        self.store.put(COLLECTIONS[kind], document)

    def emit(self, type: str, object: Document, previous: Document | None = None) -> None:
        """Writes an event about an object as it is now; `previous` holds the fields that changed."""
        if self.check_answers:
            self.check(self.spec.object_fault(object["object"], object))
        data: Document = {"object": object}
        if previous is not None:
            data["previous_attributes"] = previous
        call = self.call
        event: Document = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {
                "id": call.request_id if call else None,
                "idempotency_key": call.idempotency_key if call else None,
            },
            "type": type,
        }
        self.put("event", event)
        self.listener(event["id"])


def changed(before: Document, after: Document) -> Document:
    """The fields that an update changed, with their old values, as events carry them."""
    return {key: before.get(key) for key in after if before.get(key) != after[key]}


def merge_metadata(current: dict[str, str] | None, given: Any) -> dict[str, str]:
    """Metadata after an update: an empty value removes its key, an empty whole removes all."""
    if given == "":
        return {}
    merged = {**(current or {}), **given}
    return {key: value for key, value in merged.items() if value != ""}
