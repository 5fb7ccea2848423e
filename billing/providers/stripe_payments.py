"""What Stripe knows of an invoice's money, and its events: reads that no event's body replaces."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from billing.providers.stripe import StripeGateway
from billing.providers.stripe_amounts import from_wire
from billing.providers.stripe_events import (
    InvoiceFacts,
    PaymentReport,
    read_invoice_facts,
    read_invoice_payment,
)
from billing.providers.stripe_marks import DOCUMENT_MARK

_TYPES_AT_ONCE = 20

# How grave a dispute is, the gravest first: what a person must answer, what is lost, what others decide, what is over.
_GRAVITY = (
    "needs_response",
    "warning_needs_response",
    "lost",
    "under_review",
    "warning_under_review",
    "won",
    "warning_closed",
    "prevented",
)


# Disputes that took no money, or gave it back.
_HARMLESS = {"warning_needs_response", "warning_under_review", "warning_closed", "won", "prevented"}


@dataclass(frozen=True, slots=True)
class NoteThere:
    """A credit note as Stripe has it: what it took off what was open, and how it gave back what was paid."""

    id: str
    mark: str
    amount_cents: int
    before_cents: int
    after_cents: int
    # Of what it gave back: by which refunds how much, and what went back outside of Stripe.
    refunds: Mapping[str, int]
    outside_cents: int

    @property
    def returned_cents(self) -> int:
        """What it gave back of money that had gone back before."""
        return sum(self.refunds.values()) + self.outside_cents


@dataclass(frozen=True, slots=True)
class LookedAt:
    """An invoice as Stripe has it now, with all that was paid, given back, disputed and credited of it."""

    facts: InvoiceFacts
    total_cents: int
    remaining_cents: int
    refunds: Mapping[str, int] = field(default_factory=dict)
    dispute: str = ""
    disputed_cents: int = 0
    lost_cents: int = 0
    failure: str = ""
    payments: tuple[PaymentReport, ...] = ()
    notes: tuple[NoteThere, ...] = ()

    @property
    def refunded_cents(self) -> int:
        return sum(self.refunds.values())

    @property
    def free_refunds(self) -> dict[str, int]:
        """What is left of each refund that no credit note stands for yet, the oldest first."""
        taken = Counter[str]()
        for note in self.notes:
            taken.update(note.refunds)
        return {id_: cents - taken[id_] for id_, cents in self.refunds.items() if cents > taken[id_]}

    @property
    def free_lost_cents(self) -> int:
        """What was lost to the bank and no credit note stands for yet."""
        return max(self.lost_cents - sum(note.outside_cents for note in self.notes), 0)


@dataclass(frozen=True, slots=True)
class _Charge:
    id: str
    refunded_cents: int
    is_disputed: bool
    failure: str


class PaymentsGateway(StripeGateway):
    """Reads of one Stripe account."""

    def find_invoices_paid_by(self, payment_intent: str) -> list[str]:
        """Find the invoices that a payment was for."""
        payment: Any = {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 100}
        with self._call("GET invoice_payments", reads=True):
            found = self._client.v1.invoice_payments.list(payment)
            return sorted({_id(entry.to_dict()["invoice"]) for entry in found.auto_paging_iter()})

    def look_at_invoice(self, invoice_id: str) -> LookedAt:
        """Look at an invoice as it is now, with its payments and credit notes."""
        with self._call("GET invoice", reads=True):
            there = self._client.v1.invoices.retrieve(invoice_id).to_dict()
            facts, currency = read_invoice_facts(there), str(there["currency"])
            total, remaining = (from_wire(int(there[name]), currency) for name in ("total", "amount_remaining"))
            credited = int(there["pre_payment_credit_notes_amount"]) + int(there["post_payment_credit_notes_amount"])
        with self._call("GET invoice_payments", reads=True):
            found = self._client.v1.invoice_payments.list({"invoice": invoice_id, "limit": 100})
            entries = [entry.to_dict() for entry in found.auto_paging_iter()]
            payments = tuple(read_invoice_payment(entry) for entry in entries if entry["status"] == "paid")
        # The newest first, so that the first that failed is the last attempt that did.
        intents = dict.fromkeys(intent for entry in entries if (intent := _intent(entry)))
        charges = [charge for intent in intents for charge in self._list_charges(intent)]
        disputes = self._list_disputes([charge.id for charge in charges if charge.is_disputed])
        return LookedAt(
            facts=facts,
            total_cents=total,
            remaining_cents=remaining,
            refunds=self._list_refunds([charge.id for charge in charges if charge.refunded_cents]),
            dispute=min((status for status, _ in disputes), key=_gravity, default=""),
            disputed_cents=sum(cents for status, cents in disputes if status not in _HARMLESS),
            lost_cents=sum(cents for status, cents in disputes if status == "lost"),
            failure=next((charge.failure for charge in charges if charge.failure), ""),
            payments=payments,
            notes=tuple(self._list_notes(invoice_id)) if credited else (),
        )

    def get_customer_balance(self, customer: str) -> int:
        """Read a customer's credit; negative: it is owed. Zero of a customer that was deleted."""
        with self._call("GET customer", reads=True):
            there = self._client.v1.customers.retrieve(customer).to_dict()
            return -from_wire(int(there.get("balance") or 0), str(there.get("currency") or ""))

    def _list_notes(self, invoice_id: str) -> Iterator[NoteThere]:
        with self._call("GET credit_notes", reads=True):
            found = self._client.v1.credit_notes.list({"invoice": invoice_id, "limit": 100})
            notes = [note.to_dict() for note in found.auto_paging_iter()]
        for note in notes:
            if note["status"] != "void":
                yield _read_note(note)

    def _list_refunds(self, charges: Sequence[str]) -> dict[str, int]:
        refunds: dict[str, int] = {}
        for charge in charges:
            with self._call("GET refunds", reads=True):
                listed = self._client.v1.refunds.list({"charge": charge, "limit": 100})
                done = [refund for refund in listed.auto_paging_iter() if refund.status not in {"failed", "canceled"}]
                refunds |= {str(refund.id): from_wire(int(refund.amount), refund.currency) for refund in reversed(done)}
        return refunds

    def _list_charges(self, payment_intent: str) -> list[_Charge]:
        with self._call("GET charges", reads=True):
            found = self._client.v1.charges.list({"payment_intent": payment_intent, "limit": 100})
            return [
                _Charge(
                    str(charge.id),
                    from_wire(int(charge.amount_refunded), charge.currency),
                    bool(charge.disputed),
                    str(getattr(charge, "failure_message", None) or "")[:500],
                )
                for charge in found.auto_paging_iter()
            ]

    def _list_disputes(self, charges: Sequence[str]) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for charge in charges:
            with self._call("GET disputes", reads=True):
                listed = self._client.v1.disputes.list({"charge": charge, "limit": 100})
                found += [
                    (str(dispute.status), from_wire(int(dispute.amount), dispute.currency))
                    for dispute in listed.auto_paging_iter()
                ]
        return found

    def list_events(
        self, types: Sequence[str], since: dt.datetime, until: dt.datetime
    ) -> Iterator[list[dict[str, Any]]]:
        """List the events of some types created from `since` until before `until`, page by page, the newest first.

        Stripe keeps them for thirty days, and lists at most twenty types at once.
        """
        for part in batched(types, _TYPES_AT_ONCE):
            yield from self._list_events_of(part, since, until)

    def _list_events_of(
        self, types: Sequence[str], since: dt.datetime, until: dt.datetime
    ) -> Iterator[list[dict[str, Any]]]:
        created = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
        params: Any = {"types": list(types), "created": created, "limit": 100}
        while True:
            with self._call("GET events", reads=True):
                page = self._client.v1.events.list(params)
                # As JSON has them: the library makes decimals of some texts.
                events = [event.to_dict(for_json=True) for event in page.data]
                has_more = bool(page.has_more)
            if events:
                yield events
            if not has_more or not events:
                return
            params["starting_after"] = events[-1]["id"]


def _read_note(note: Mapping[str, Any]) -> NoteThere:
    currency = str(note["currency"])

    def cents(name: str) -> int:
        return from_wire(int(note.get(name) or 0), currency)

    refunds = {_id(entry["refund"]): int(entry["amount_refunded"]) for entry in note["refunds"] if entry.get("refund")}
    return NoteThere(
        id=str(note["id"]),
        mark=str((note.get("metadata") or {}).get(DOCUMENT_MARK, "")),
        amount_cents=cents("total"),
        before_cents=cents("pre_payment_amount"),
        after_cents=cents("post_payment_amount"),
        refunds={id_: from_wire(amount, currency) for id_, amount in refunds.items()},
        outside_cents=cents("out_of_band_amount"),
    )


def _gravity(status: str) -> int:
    return _GRAVITY.index(status) if status in _GRAVITY else -1


def _id(thing: Any) -> str:
    return str(thing if isinstance(thing, str) else thing["id"])


def _intent(entry: Mapping[str, Any]) -> str:
    intent = entry["payment"].get("payment_intent")
    return _id(intent) if intent else ""
