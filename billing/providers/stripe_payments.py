"""What Stripe knows of payments and events: reads that no event's body replaces."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from billing.providers.stripe import StripeGateway
from billing.providers.stripe_amounts import from_wire

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


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What was given back and disputed of an invoice's payments, and why the last one failed."""

    refunded_cents: int = 0
    dispute: str = ""
    disputed_cents: int = 0
    failure: str = ""


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
            return sorted({_id(entry.invoice) for entry in found.auto_paging_iter()})

    def look_at_payments(self, invoice_id: str) -> LookedAt:
        """Look at all payments of an invoice, as they are now."""
        with self._call("GET invoice_payments", reads=True):
            found = self._client.v1.invoice_payments.list({"invoice": invoice_id, "limit": 100})
            intents = [intent for entry in found.auto_paging_iter() if (intent := _intent(entry))]
        # The newest first, so that the first that failed is the last attempt that did.
        charges = [charge for intent in dict.fromkeys(intents) for charge in self._list_charges(intent)]
        dispute, disputed_cents = self._look_at_disputes([charge.id for charge in charges if charge.is_disputed])
        return LookedAt(
            refunded_cents=sum(charge.refunded_cents for charge in charges),
            dispute=dispute,
            disputed_cents=disputed_cents,
            failure=next((charge.failure for charge in charges if charge.failure), ""),
        )

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

    def _look_at_disputes(self, charges: Sequence[str]) -> tuple[str, int]:
        found: list[tuple[str, int]] = []
        for charge in charges:
            with self._call("GET disputes", reads=True):
                listed = self._client.v1.disputes.list({"charge": charge, "limit": 100})
                found += [
                    (str(dispute.status), from_wire(int(dispute.amount), dispute.currency))
                    for dispute in listed.auto_paging_iter()
                ]
        gravest = min((status for status, _ in found), key=_gravity, default="")
        return gravest, sum(cents for _, cents in found)

    def list_events(
        self, types: Sequence[str], since: dt.datetime, until: dt.datetime
    ) -> Iterator[list[dict[str, Any]]]:
        """List the events of some types created from `since` until before `until`, page by page, the newest first.

        Stripe keeps them for thirty days.
        """
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


def _gravity(status: str) -> int:
    return _GRAVITY.index(status) if status in _GRAVITY else -1


def _id(thing: Any) -> str:
    return str(thing if isinstance(thing, str) else thing.id)


def _intent(entry: Any) -> str:
    intent = getattr(entry.payment, "payment_intent", None)
    return _id(intent) if intent else ""
