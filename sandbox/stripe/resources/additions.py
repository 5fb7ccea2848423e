"""What Stripe itself takes off an invoice's lines, or puts on top of them: discounts and automatic tax."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.amounts import smallest
from sandbox.stripe.errors import StripeError, unsupported
from sandbox.stripe.world import DISCOUNTS, LINES, SETTINGS, World, changed

_NO_ORIGIN = (
    "You must have a valid origin address to enable automatic tax calculation in test mode. Visit"
    " https://dashboard.stripe.com/test/settings/tax to update it."
)


def set_tax(world: World, percent: int) -> None:
    """Registers the account for a tax; 0 ends that."""
    world.store.put(SETTINGS, {"id": "tax", "percent": percent})


def _tax_percent(world: World) -> int:
    found = world.store.get(SETTINGS, "tax")
    return int(found["percent"]) if found else 0


def check(world: World, params: dict[str, Any]) -> None:
    """Refuses what an account can't add to its invoices. Raises StripeError."""
    if params.get("automatic_tax", {}).get("enabled") and not _tax_percent(world):
        raise StripeError(_NO_ORIGIN, param="automatic_tax[enabled]")
    if params.get("discounts", "") != "":
        raise unsupported("coupons and promotion codes: use the control for discounts")


def begin(world: World, customer: Document, params: dict[str, Any]) -> list[str]:
    """The discounts of a new invoice: the customer's, unless the caller wants none."""
    inherited = customer["discount"]
    return [] if "discounts" in params or not inherited else [inherited["id"]]


def add_discount(world: World, percent: int, **owner: str) -> Document:
    """Writes a discount, of an invoice or a customer, and gives it as Stripe shows it."""
    if not 0 < percent <= 100:
        raise StripeError("Invalid percent_off: must be between 1 and 100.", param="percent_off")
    discount = {
        "id": world.new_id("di"),
        "object": "discount",
        "checkout_session": None,
        "customer": None,
        "customer_account": None,
        "end": None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": world.new_id("co"), "type": "coupon"},
        "start": world.now(),
        "subscription": None,
        "subscription_item": None,
        **owner,
    }
    world.store.put(DISCOUNTS, {"id": discount["id"], "percent": percent})
    return discount


def give_discount(world: World, customer: Document, percent: int) -> Document:
    """Gives a customer a discount, which new invoices then inherit."""
    after = {**customer, "discount": add_discount(world, percent, customer=customer["id"])}
    world.put("customer", after)
    world.emit("customer.updated", after, changed(customer, after))
    return after


def compute(world: World, invoice: Document, subtotal: int) -> Document:
    """The fields of an invoice that say what was taken off its lines and put on top, and what it comes to by that."""
    discounts = _discounts(world, invoice)
    net = subtotal - sum(part["amount"] for part in discounts)
    taxes = _taxes(world, invoice, net)
    tax = sum(part["amount"] for part in taxes)
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": net + tax,
        "total_discount_amounts": discounts,
        "total_excluding_tax": net,
        "total_taxes": taxes,
    }


def _discounts(world: World, invoice: Document) -> list[Document]:
    left = world.store.total(LINES, "amount", {"invoice": invoice["id"], "discountable": True})
    found = []
    for id in invoice["discounts"]:
        percent = (world.store.get(DISCOUNTS, id) or {"percent": 0})["percent"]
        amount = _share(left, percent, invoice["currency"])
        left -= amount
        found.append({"amount": amount, "discount": id})
    return found


def _taxes(world: World, invoice: Document, net: int) -> list[Document]:
    percent = _tax_percent(world) if invoice["automatic_tax"]["enabled"] else 0
    if not percent:
        return []
    return [
        {
            "amount": _share(net, percent, invoice["currency"]),
            "tax_behavior": "exclusive",
            "tax_rate_details": None,
            "taxability_reason": "standard_rated",
            "taxable_amount": net,
            "type": "tax_rate_details",
        }
    ]


def _share(amount: int, percent: int, currency: str) -> int:
    step = smallest(currency)
    return round(amount * percent / 100 / step) * step
