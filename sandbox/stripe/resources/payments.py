"""Paying an invoice."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import StripeError, unsupported
from sandbox.stripe.lists import list_some, retrieve_one, wrap
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


def charge_invoice(world: World, invoice: Document, method: str, amount: int = 0) -> Document:
    """Takes the money for an open invoice with a card, or a part. Raises StripeError (402) when it is declined."""
    amount = amount or invoice["amount_remaining"]
    if not 0 < amount <= invoice["amount_remaining"]:
        raise StripeError(f"The amount ({amount}) is not within what remains ({invoice['amount_remaining']}).")
    payment, intent = _open_payment(world, invoice, method, amount)
    if decline := _DECLINES.get(method):
        raise _decline(world, invoice, payment, intent, decline)
    charge = _charge(world, intent, method)
    intent |= {
        "amount_received": amount,
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "payment_method": method,
        "status": "succeeded",
    }
    payment |= {
        "amount_paid": amount,
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": world.now()},
    }
    for kind, document in (("payment_intent", intent), ("charge", charge), ("invoice_payment", payment)):
        world.put(kind, document)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)
    world.emit("invoice_payment.paid", payment)
    paid = {
        "amount_paid": invoice["amount_paid"] + amount,
        "attempt_count": invoice["attempt_count"] + 1,
        "attempted": True,
    }
    if amount == invoice["amount_remaining"]:
        return invoice_state.settle(world, invoice, **paid)
    left = invoice["amount_remaining"] - amount
    return invoice_state.save(world, invoice, {**invoice, **paid, "amount_remaining": left}, "invoice.updated")


class Declined(StripeError):
    """A card's refusal. Unlike other errors it leaves traces: the attempt is counted."""

    def __init__(self, code: str, decline: str) -> None:
        reasons = {"expired_card": "has expired", "insufficient_funds": "has insufficient funds"}
        message = f"Your card {reasons.get(decline, 'was declined')}."
        super().__init__(message, status=402, type="card_error", code=code, decline_code=decline)


def _decline(world: World, invoice: Document, payment: Document, intent: Document, decline: str) -> Declined:
    """Writes down that a card was declined."""
    declined = Declined("expired_card" if decline == "expired_card" else "card_declined", decline)
    said = {name: declined.error[name] for name in ("code", "decline_code", "message", "type")}
    charge = {
        **_charge(world, intent, "pm_card_visa"),
        "amount_captured": 0,
        "captured": False,
        "failure_code": said["code"],
        "failure_message": said["message"],
        "paid": False,
        "status": "failed",
    }
    intent |= {"last_payment_error": {**said, "charge": charge["id"]}, "latest_charge": charge["id"]}
    for kind, document in (("payment_intent", intent), ("charge", charge), ("invoice_payment", payment)):
        world.put(kind, document)
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    failed = {**invoice, "attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    invoice_state.save(world, invoice, failed, "invoice.updated", "invoice.payment_failed")
    return declined


def _open_payment(world: World, invoice: Document, method: str, amount: int) -> tuple[Document, Document]:
    """The invoice's payment that is still open with its intent, or new ones; not yet written."""
    opened = world.store.select(COLLECTIONS["invoice_payment"], {"invoice": invoice["id"], "status": "open"})
    if opened:
        intent = world.get("payment_intent", opened[0]["payment"]["payment_intent"])
        return {**opened[0], "amount_requested": amount}, {**intent, "amount": amount}
    now = world.now()
    intent = {
        "id": world.new_id("pi"),
        "object": "payment_intent",
        "amount": amount,
        "amount_received": 0,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": f"Payment for invoice {invoice['number']}",
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "payment_method": method,
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    payment = _invoice_payment(world, invoice, {"type": "payment_intent", "payment_intent": intent["id"]}, amount)
    transitions = {"canceled_at": None, "paid_at": None}
    return {**payment, "amount_paid": None, "status": "open", "status_transitions": transitions}, intent


def _charge(world: World, intent: Document, method: str) -> Document:
    shared = ("amount", "currency", "customer", "description", "livemode")
    return {
        **{name: intent[name] for name in shared},
        "id": world.new_id("ch"),
        "object": "charge",
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "billing_details": dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
        "captured": True,
        "created": world.now(),
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "metadata": {},
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method,
        "refunded": False,
        "status": "succeeded",
    }


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


def _list_invoice_payments(world: World, call: Call) -> Document:
    """As the others, and filtered by what the payment is."""
    where = {f"payment.{name}": value for name, value in call.params.pop("payment", {}).items()}
    return list_some("invoice_payment", "invoice", "status", where=where)(world, call)


OPERATIONS: dict[str, Handler] = {
    "GET /v1/charges/{charge}": retrieve_one("charge"),
    "GET /v1/charges": list_some("charge", "customer", "payment_intent"),
    "GET /v1/payment_intents/{intent}": retrieve_one("payment_intent"),
    "GET /v1/payment_intents": list_some("payment_intent", "customer"),
    "GET /v1/invoice_payments/{invoice_payment}": retrieve_one("invoice_payment"),
    "GET /v1/invoice_payments": _list_invoice_payments,
}
