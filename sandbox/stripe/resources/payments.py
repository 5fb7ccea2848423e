"""Paying an invoice, and paying back."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import StripeError, refused, unsupported
from sandbox.stripe.lists import created_range, page, wrap
from sandbox.stripe.resources import invoice_state
from sandbox.stripe.world import COLLECTIONS, Call, Handler, World

_DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
}


def pay(world: World, call: Call) -> Document:
    params = call.params
    if strange := params.keys() - {"expand", "off_session", "paid_out_of_band", "payment_method"}:
        raise unsupported(f"the payment parameters {', '.join(sorted(strange))}")
    invoice = world.get("invoice", call.id, status=404)
    if invoice["status"] == "paid":
        raise StripeError("Invoice is already paid")
    if invoice["status"] == "draft":
        invoice_state.finalize(world, invoice)
        invoice = world.get("invoice", call.id)
    if invoice["status"] == "void":
        raise StripeError("You can only pass in open invoices. This invoice isn't open.")
    if invoice["status"] == "paid":
        return invoice_state.render(world, invoice)
    if params.get("paid_out_of_band"):
        amount = invoice["amount_remaining"]
        record = {"type": "payment_record", "payment_record": world.new_id("pr")}
        world.put("invoice_payment", _invoice_payment(world, invoice, record, amount))
        return invoice_state.settle(world, invoice, amount_paid_off_stripe=amount)
    return charge_invoice(world, invoice, _method(world, invoice, params))


def _method(world: World, invoice: Document, params: dict[str, Any]) -> str:
    customer = world.get("customer", invoice["customer"])
    candidates = (
        params.get("payment_method"),
        invoice["default_payment_method"],
        customer["invoice_settings"]["default_payment_method"],
    )
    method = next((candidate for candidate in candidates if candidate), None)
    if method is None:
        raise StripeError(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set a"
            " `default_payment_method`."
        )
    if not method.startswith("pm_card_"):
        raise StripeError(f"No such PaymentMethod: '{method}'", code="resource_missing", param="payment_method")
    return str(method)


def charge_invoice(world: World, invoice: Document, method: str) -> Document:
    """Takes the money for an open invoice with a card. Raises StripeError (402) when the card is declined."""
    if decline := _DECLINES.get(method):
        failed = {**invoice, "attempted": True, "attempt_count": invoice["attempt_count"] + 1}
        invoice_state.save(world, invoice, failed, "invoice.updated", "invoice.payment_failed")
        code = decline if decline == "expired_card" else "card_declined"
        raise Declined(code, decline)
    amount = invoice["amount_remaining"]
    intent, charge = _intent(world, invoice, method, amount)
    world.put("payment_intent", intent)
    world.put("charge", charge)
    payment = _invoice_payment(world, invoice, {"type": "payment_intent", "payment_intent": intent["id"]}, amount)
    world.put("invoice_payment", payment)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    world.emit("invoice_payment.paid", payment)
    return invoice_state.settle(
        world,
        invoice,
        amount_paid=invoice["amount_paid"] + amount,
        attempt_count=invoice["attempt_count"] + 1,
        attempted=True,
    )


class Declined(StripeError):
    """A card's refusal. Unlike other errors it leaves traces: the attempt is counted."""

    def __init__(self, code: str, decline: str) -> None:
        reasons = {"expired_card": "has expired", "insufficient_funds": "has insufficient funds"}
        message = f"Your card {reasons.get(decline, 'was declined')}."
        super().__init__(message, status=402, type="card_error", code=code, decline_code=decline)


def _intent(world: World, invoice: Document, method: str, amount: int) -> tuple[Document, Document]:
    now, intent_id, charge_id = world.now(), world.new_id("pi"), world.new_id("ch")
    shared = {
        "amount": amount,
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": f"Payment for invoice {invoice['number']}",
        "livemode": False,
        "metadata": {},
        "payment_method": method,
        "status": "succeeded",
    }
    intent = {
        **shared,
        "id": intent_id,
        "object": "payment_intent",
        "amount_received": amount,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "latest_charge": charge_id,
        "payment_method_types": ["card"],
    }
    charge = {
        **shared,
        "id": charge_id,
        "object": "charge",
        "amount_captured": amount,
        "amount_refunded": 0,
        "billing_details": dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
        "captured": True,
        "disputed": False,
        "paid": True,
        "payment_intent": intent_id,
        "refunded": False,
    }
    return intent, charge


def _invoice_payment(world: World, invoice: Document, payment: Document, amount: int) -> Document:
    now = world.now()
    return {
        "id": world.new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": amount,
        "amount_requested": amount,
        "created": now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": payment,
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": now},
    }


def payments_of(world: World, invoice: str) -> Document:
    """The list that an invoice shows under `payments` when that is expanded."""
    found = world.store.select(COLLECTIONS["invoice_payment"], {"invoice": invoice})
    return wrap(found, False, f"/v1/invoice_payments?invoice={invoice}")


def refund_invoice(world: World, invoice: Document, amount: int) -> Document:
    """Pays back part of what was paid for an invoice by card."""
    for payment in world.store.select(COLLECTIONS["invoice_payment"], {"invoice": invoice["id"]}):
        if payment["payment"]["type"] != "payment_intent":
            continue
        intent = world.get("payment_intent", payment["payment"]["payment_intent"])
        charge = world.get("charge", intent["latest_charge"])
        if charge["amount"] - charge["amount_refunded"] >= amount:
            return _refund(world, charge, amount, {})
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


def _retrieve(kind: str) -> Handler:
    return lambda world, call: world.get(kind, call.id, status=404)


def _list(kind: str, *filters: str) -> Handler:
    def list_objects(world: World, call: Call) -> Document:
        allowed = {*filters, "created", "limit", "starting_after", "ending_before", "expand"}
        if strange := call.params.keys() - allowed:
            raise unsupported(f"the filters {', '.join(sorted(strange))}")
        where = {name: call.params[name] for name in filters if name in call.params}
        return page(world, call, kind, where | created_range(call.params))

    return list_objects


OPERATIONS: dict[str, Handler] = {
    "GET /v1/charges/{charge}": _retrieve("charge"),
    "GET /v1/charges": _list("charge", "customer", "payment_intent"),
    "GET /v1/payment_intents/{intent}": _retrieve("payment_intent"),
    "GET /v1/payment_intents": _list("payment_intent", "customer"),
    "GET /v1/invoice_payments/{invoice_payment}": _retrieve("invoice_payment"),
    "GET /v1/invoice_payments": _list("invoice_payment", "invoice", "status"),
    "POST /v1/refunds": create_refund,
    "GET /v1/refunds/{refund}": _retrieve("refund"),
    "GET /v1/refunds": _list("refund", "charge", "payment_intent"),
}
