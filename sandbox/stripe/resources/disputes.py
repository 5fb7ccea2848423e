"""Disputes: a cardholder's bank takes a payment back, until somebody has decided."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.amounts import check_amount
from sandbox.stripe.errors import StripeError, unsupported
from sandbox.stripe.lists import created_range, page
from sandbox.stripe.world import Call, Handler, World

_CLOSED = ("won", "lost")
_FILTERS = ("charge", "payment_intent")
_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def open_dispute(world: World, charge: Document, amount: int, reason: str) -> Document:
    """A cardholder disputes a charge. Raises StripeError where there is nothing to dispute, or it is already."""
    if charge["disputed"] or not charge["paid"] or not 0 < amount <= charge["amount"]:
        raise StripeError(f"Charge {charge['id']} cannot be disputed by {amount}.")
    check_amount(amount, charge["currency"], "amount")
    dispute = {
        "id": world.new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": world.now() + 7 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }
    world.put("charge", {**charge, "disputed": True})
    world.put("dispute", dispute)
    world.emit("charge.dispute.created", dispute)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(world: World, dispute: Document, status: str) -> Document:
    """The bank decides. Raises StripeError for another status, or where it has decided already."""
    if status not in _CLOSED or dispute["status"] in _CLOSED:
        raise StripeError(f"A dispute that is {dispute['status']} cannot become {status}.")
    closed = {**dispute, "status": status}
    world.put("dispute", closed)
    if status == "won":
        world.emit("charge.dispute.funds_reinstated", closed)
    world.emit("charge.dispute.closed", closed)
    return closed


def list_disputes(world: World, call: Call) -> Document:
    params = call.params
    if strange := params.keys() - {*_FILTERS, "created", "limit", "starting_after", "ending_before", "expand"}:
        raise unsupported(f"the filters {', '.join(sorted(strange))}")
    where: dict[str, Any] = {name: params[name] for name in _FILTERS if name in params}
    return page(world, call, "dispute", where | created_range(params))


def retrieve(world: World, call: Call) -> Document:
    return world.get("dispute", call.id, status=404)


OPERATIONS: dict[str, Handler] = {"GET /v1/disputes": list_disputes, "GET /v1/disputes/{dispute}": retrieve}
