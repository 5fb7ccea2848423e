"""Controls of what customers and banks do in Stripe: paying, failing, giving back, disputing; and events twice."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from sandbox.store import Document
from sandbox.stripe.resources import additions, credit_notes, disputes, invoice_state, payments, refunds
from sandbox.stripe.world import COLLECTIONS
from sandbox.stripe.world import World as Stripe
from sandbox.world import World

Do = Callable[[Stripe, Document, dict[str, Any]], Any]


def _pay(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    _must_be_owed(invoice)
    method = given.get("payment_method", "pm_card_visa")
    return payments.charge_invoice(world, invoice, method, _amount(given, 0))


def _fail(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    _must_be_owed(invoice)
    try:
        payments.charge_invoice(world, invoice, given.get("payment_method", "pm_card_chargeDeclined"))
    except payments.Declined as error:
        return error.error
    raise ValueError("that card is not declined")


def _must_be_owed(invoice: Document) -> None:
    if invoice["status"] not in {"open", "uncollectible"}:
        raise ValueError(f"nothing is owed on an invoice that is {invoice['status']}")


def _amount(given: dict[str, Any], otherwise: int) -> int:
    return int(given["amount"]) if "amount" in given else otherwise


def _refund(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    return refunds.refund_invoice(world, invoice, _amount(given, invoice["amount_paid"]))


def _dispute(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    charge = refunds.find_charge(world, invoice)
    return disputes.open_dispute(
        world, charge, _amount(given, charge["amount"]), str(given.get("reason", "fraudulent"))
    )


def _credit(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    """Somebody issues a credit note in the dashboard; what was paid goes to the customer's balance."""
    amount = _amount(given, invoice["amount_remaining"])
    post = amount - min(amount, invoice["amount_remaining"])
    return credit_notes.credit_invoice(
        world, invoice, {"invoice": invoice["id"], "amount": amount} | ({"credit_amount": post} if post else {})
    )


def _void(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    return invoice_state.void(world, invoice)


def _mark_uncollectible(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    return invoice_state.mark_uncollectible(world, invoice)


def _discount_draft(world: Stripe, invoice: Document, given: dict[str, Any]) -> Any:
    """Somebody puts a discount on a draft in the dashboard."""
    if invoice["status"] != "draft":
        raise ValueError(f"an invoice that is {invoice['status']} gets no discount")
    discount = additions.add_discount(world, given["percent_off"], invoice=invoice["id"])
    return invoice_state.refresh(world, {**invoice, "discounts": [*invoice["discounts"], discount["id"]]})


def _discount_customer(world: Stripe, customer: Document, given: dict[str, Any]) -> Any:
    return additions.give_discount(world, customer, given["percent_off"])


def _register_for_tax(world: World, request: Request, given: Any) -> Any:
    additions.set_tax(world.stripe.world, given["percent"])
    return given


def _close(world: Stripe, dispute: Document, given: dict[str, Any]) -> Any:
    return disputes.close_dispute(world, dispute, given["status"])


def _double(world: World, request: Request, given: Any) -> Any:
    """Writes a second Event object for one change, as Stripe sometimes does."""
    stripe, copies = world.stripe.world, []
    with stripe.store.transaction():
        for event in world.stripe.webhooks.find(given.get("events"), given.get("types")):
            copy = {**event, "id": stripe.new_id("evt"), "created": event["created"] + 1}
            stripe.put("event", copy)
            copies.append(copy["id"])
    return {"events": copies}


def _on(kind: str, do: Do) -> Callable[[World, Request, Any], Any]:
    """An action on one object, in one transaction, by nobody's request."""

    def act(world: World, request: Request, given: Any) -> Any:
        stripe = world.stripe.world
        found = stripe.store.get(COLLECTIONS[kind], request.path_params["id"])
        if found is None:
            raise LookupError(f"no such {kind}")
        stripe.call = None
        with stripe.store.transaction():
            return do(stripe, found, given)

    return act


ACTIONS: list[tuple[str, str, Callable[[World, Request, Any], Any]]] = [
    ("POST", "/control/stripe/invoices/{id}/pay", _on("invoice", _pay)),
    ("POST", "/control/stripe/invoices/{id}/fail", _on("invoice", _fail)),
    ("POST", "/control/stripe/invoices/{id}/refund", _on("invoice", _refund)),
    ("POST", "/control/stripe/invoices/{id}/dispute", _on("invoice", _dispute)),
    ("POST", "/control/stripe/invoices/{id}/credit", _on("invoice", _credit)),
    ("POST", "/control/stripe/invoices/{id}/void", _on("invoice", _void)),
    ("POST", "/control/stripe/invoices/{id}/mark-uncollectible", _on("invoice", _mark_uncollectible)),
    ("POST", "/control/stripe/invoices/{id}/discount", _on("invoice", _discount_draft)),
    ("POST", "/control/stripe/customers/{id}/discount", _on("customer", _discount_customer)),
    ("PUT", "/control/stripe/tax", _register_for_tax),
    ("POST", "/control/stripe/disputes/{id}/close", _on("dispute", _close)),
    ("POST", "/control/stripe/double-events", _double),
]
