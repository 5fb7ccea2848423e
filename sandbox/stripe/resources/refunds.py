"""Paying back."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.amounts import check_amount
from sandbox.stripe.errors import StripeError, refused, unsupported
from sandbox.stripe.lists import list_some, retrieve_one
from sandbox.stripe.world import COLLECTIONS, Call, Handler, World


def refund_invoice(world: World, invoice: Document, amount: int) -> Document:
    """Pays back part of what was paid for an invoice by card."""
    return _refund(world, find_charge(world, invoice, amount), amount, {})


def find_charge(world: World, invoice: Document, amount: int = 0) -> Document:
    """A charge that paid an invoice, with at least so much not given back. Raises StripeError where there is none."""
    for payment in world.store.select(COLLECTIONS["invoice_payment"], {"invoice": invoice["id"], "status": "paid"}):
        if payment["payment"]["type"] != "payment_intent":
            continue
        intent = world.get("payment_intent", payment["payment"]["payment_intent"])
        charge = world.get("charge", intent["latest_charge"])
        if charge["amount"] - charge["amount_refunded"] >= amount:
            return charge
    raise StripeError("There is no charge on this invoice that can be refunded by that amount.", param="refund_amount")


def create_refund(world: World, call: Call) -> Document:
    params = call.params
    if strange := params.keys() - {"amount", "charge", "expand", "metadata", "payment_intent", "reason"}:
        raise unsupported(f"the refund parameters {', '.join(sorted(strange))}")
    if ("charge" in params) == ("payment_intent" in params):
        raise refused("You must provide exactly one of these parameters: charge, payment_intent.", param="charge")
    if "charge" in params:
        charge = world.get("charge", params["charge"], "charge", 404)
    else:
        intent = world.get("payment_intent", params["payment_intent"], "payment_intent", 404)
        charge = world.get("charge", intent["latest_charge"])
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if left == 0:
        raise StripeError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise StripeError(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})")
    return _refund(world, charge, amount, params)


def _refund(world: World, charge: Document, amount: int, params: dict[str, Any]) -> Document:
    check_amount(amount, charge["currency"], "amount")
    refund = {
        "id": world.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "metadata": params.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    returned = charge["amount_refunded"] + amount
    charge = {**charge, "amount_refunded": returned, "refunded": returned == charge["amount"]}
    world.put("refund", refund)
    world.put("charge", charge)
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    return refund


OPERATIONS: dict[str, Handler] = {
    "POST /v1/refunds": create_refund,
    "GET /v1/refunds/{refund}": retrieve_one("refund"),
    "GET /v1/refunds": list_some("refund", "charge", "payment_intent"),
}
