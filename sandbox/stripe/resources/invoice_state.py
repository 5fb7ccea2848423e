"""How an invoice moves from draft to its end, and what it is worth on the way."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import StripeError
from sandbox.stripe.lists import wrap
from sandbox.stripe.resources import additions
from sandbox.stripe.world import COLLECTIONS, LINES, World, changed

DAY = 86_400
_SHOWN_LINES = 10
_NOT_OPEN = "You can only pass in open invoices. This invoice isn't open."
# The least that Stripe charges; less than this goes onto the customer's balance.
_LEAST = {"usd": 50, "eur": 50, "gbp": 30, "chf": 50, "cad": 50, "aud": 50, "jpy": 50, "sek": 300, "dkk": 250}
_LEAST_ELSEWHERE = 50


def render(world: World, invoice: Document) -> Document:
    """An invoice as the API shows it: with its first ten lines."""
    lines = world.store.select(LINES, {"invoice": invoice["id"]}, limit=_SHOWN_LINES + 1)
    url = f"/v1/invoices/{invoice['id']}/lines"
    return {
        **invoice,
        "hosted_invoice_url": None if invoice["status"] == "draft" else f"{world.url}/stripe/invoices/{invoice['id']}",
        "lines": wrap(lines[:_SHOWN_LINES], len(lines) > _SHOWN_LINES, url),
    }


def save(world: World, before: Document, invoice: Document, *events: str) -> Document:
    """Writes an invoice, tells the log what changed, and gives back the invoice as the API shows it."""
    world.put("invoice", invoice)
    shown = render(world, invoice)
    previous = changed(before, invoice)
    for event in events:
        world.emit(event, shown, previous if event == "invoice.updated" else None)
    return shown


def refresh(world: World, invoice: Document) -> Document:
    """Recomputes a draft's amounts from its lines and writes it."""
    customer = world.get("customer", invoice["customer"])
    amounts = additions.compute(world, invoice, world.store.total(LINES, "amount", {"invoice": invoice["id"]}))
    due, _ = _due(amounts["total"] + customer["balance"], invoice["currency"])
    fresh = {
        **invoice,
        **amounts,
        "amount_due": due,
        "amount_remaining": due,
        "starting_balance": customer["balance"],
    }
    if fresh != invoice:
        world.put("invoice", fresh)
    return fresh


def _due(owed: int, currency: str) -> tuple[int, int]:
    """What is asked for now, and what stays on the customer's balance."""
    if owed < _LEAST.get(currency, _LEAST_ELSEWHERE):
        return 0, owed
    return owed, 0


def finalize(world: World, invoice: Document, auto_advance: bool | None = None) -> Document:
    """Draft to open, or to paid when nothing is due."""
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    before = invoice
    invoice = refresh(world, invoice)
    customer = world.get("customer", invoice["customer"])
    now = world.now()
    due, carried = _due(invoice["total"] + customer["balance"], invoice["currency"])
    invoice = {
        **invoice,
        "amount_due": due,
        "amount_remaining": due,
        "auto_advance": invoice["auto_advance"] if auto_advance is None else auto_advance,
        "automatically_finalizes_at": None,
        "due_date": _due_date(world, invoice, now),
        "effective_at": invoice["effective_at"] or now,
        "ending_balance": carried,
        "next_payment_attempt": None,
        "number": invoice["number"] or _number(customer),
        "status": "open",
        "status_transitions": {**invoice["status_transitions"], "finalized_at": now},
        **addressee(customer),
    }
    _update_customer(world, customer, invoice, carried)
    shown = save(world, before, invoice, "invoice.finalized", "invoice.updated")
    return settle(world, invoice, attempted=True) if due == 0 else shown


def _due_date(world: World, invoice: Document, now: int) -> int | None:
    days = world.store.get("stripe.terms", invoice["id"])
    due: int | None = now + days["days_until_due"] * DAY if days else invoice["due_date"]
    return due


def _number(customer: Document) -> str:
    return f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"


def addressee(customer: Document) -> Document:
    """The fields of an invoice that are copied from its customer, anew when it is finalized."""
    return {
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
    }


def _update_customer(world: World, customer: Document, invoice: Document, balance: int) -> None:
    automatic = invoice["number"] == _number(customer)
    updated = {
        **customer,
        "balance": balance,
        "currency": customer["currency"] or invoice["currency"],
        "next_invoice_sequence": customer["next_invoice_sequence"] + (1 if automatic else 0),
    }
    world.put("customer", updated)
    if previous := changed(customer, updated):
        world.emit("customer.updated", updated, previous)


def settle(world: World, invoice: Document, **values: Any) -> Document:
    """To paid, with other fields changed on the way."""
    now = world.now()
    paid = {
        **invoice,
        **values,
        "amount_remaining": 0,
        "status": "paid",
        "status_transitions": {**invoice["status_transitions"], "paid_at": now},
    }
    return save(world, invoice, paid, "invoice.updated", "invoice.paid", "invoice.payment_succeeded")


def void(world: World, invoice: Document) -> Document:
    """Open or uncollectible to void. A balance that had been applied goes back to the customer."""
    if invoice["status"] == "paid" or invoice["amount_paid"]:
        raise StripeError("Invoices with `paid` payments cannot be voided.")
    if invoice["status"] not in {"open", "uncollectible"}:
        raise StripeError(_NOT_OPEN)
    if applied := invoice["starting_balance"] - (invoice["ending_balance"] or 0):
        customer = world.get("customer", invoice["customer"])
        after = {**customer, "balance": customer["balance"] + applied}
        world.put("customer", after)
        world.emit("customer.updated", after, changed(customer, after))
    voided = _moved(world, invoice, "void", "voided_at")
    return save(world, invoice, voided, "invoice.updated", "invoice.voided")


def mark_uncollectible(world: World, invoice: Document) -> Document:
    """Open to uncollectible."""
    if invoice["status"] == "uncollectible":
        raise StripeError("This invoice has already been marked uncollectible.")
    if invoice["status"] != "open":
        raise StripeError(_NOT_OPEN)
    marked = _moved(world, invoice, "uncollectible", "marked_uncollectible_at")
    return save(world, invoice, marked, "invoice.updated", "invoice.marked_uncollectible")


def _moved(world: World, invoice: Document, status: str, field: str) -> Document:
    transitions = {**invoice["status_transitions"], field: world.now()}
    return {**invoice, "auto_advance": False, "status": status, "status_transitions": transitions}


def advance(world: World) -> int:
    """Finalizes the drafts whose automatic finalization is due; says how many."""
    due = world.store.select(COLLECTIONS["invoice"], {"automatically_finalizes_at__lte": world.now()})
    drafts = [invoice for invoice in due if invoice["status"] == "draft"]
    for invoice in drafts:
        finalize(world, invoice)
    return len(drafts)
