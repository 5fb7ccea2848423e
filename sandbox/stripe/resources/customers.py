"""Customers."""

import re
from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import StripeError, refused, unsupported
from sandbox.stripe.lists import created_range, page
from sandbox.stripe.world import COLLECTIONS, Call, Handler, World, changed, merge_metadata

_TEXTS = ("description", "email", "name", "phone")
_OTHERS = ("address", "balance", "invoice_prefix", "invoice_settings", "metadata", "payment_method")
_KEPT = (*_TEXTS, *_OTHERS, "next_invoice_sequence", "preferred_locales", "shipping", "tax_exempt")


def create(world: World, call: Call) -> Document:
    _check(call.params)
    id = world.new_id("cus")
    customer: Document = {
        "id": id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": world.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": id[4:12].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(customer, call.params)
    world.put("customer", customer)
    world.emit("customer.created", customer)
    return customer


def retrieve(world: World, call: Call) -> Document:
    found = world.store.get(COLLECTIONS["customer"], call.id)
    return found if found else world.get("customer", call.id, status=404)


def update(world: World, call: Call) -> Document:
    before = world.get("customer", call.id, status=404)
    _check(call.params)
    customer = dict(before)
    _apply(customer, call.params)
    world.put("customer", customer)
    if previous := changed(before, customer):
        world.emit("customer.updated", customer, previous)
    return customer


def delete(world: World, call: Call) -> Document:
    customer = world.get("customer", call.id, status=404)
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    world.put("customer", gone)
    world.emit("customer.deleted", customer)
    return gone


def list_customers(world: World, call: Call) -> Document:
    where: dict[str, Any] = {"deleted": None, **created_range(call.params)}
    if "email" in call.params:
        where["email"] = call.params["email"]
    return page(world, call, "customer", where)


def _check(params: dict[str, Any]) -> None:
    if strange := params.keys() - {*_KEPT, "expand"}:
        raise unsupported(f"the customer parameters {', '.join(sorted(strange))}")
    email = params.get("email")
    if email and not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", email):
        raise refused(f"Invalid email address: {email}", param="email", code="email_invalid")
    prefix = params.get("invoice_prefix")
    if prefix is not None and not re.fullmatch(r"[A-Z0-9]{3,12}", prefix):
        raise refused("Invoice prefixes are 3 to 12 uppercase letters or digits.", param="invoice_prefix")
    for method in (params.get("payment_method"), params.get("invoice_settings", {}).get("default_payment_method")):
        if method and not method.startswith("pm_card_"):
            raise StripeError(f"No such PaymentMethod: '{method}'", code="resource_missing", param="payment_method")


def _apply(customer: Document, params: dict[str, Any]) -> None:
    for name in _KEPT:
        if name not in params or name == "payment_method":
            continue
        value = params[name]
        if name == "metadata":
            customer[name] = merge_metadata(customer[name], value)
        elif name == "invoice_settings":
            customer[name] = customer[name] | {key: entry or None for key, entry in value.items()}
        elif name == "address":
            customer[name] = _address(value)
        else:
            customer[name] = None if value == "" else value


def _address(value: Any) -> Document | None:
    if not value:
        return None
    parts = ("city", "country", "line1", "line2", "postal_code", "state")
    return {part: value.get(part) or None for part in parts}


OPERATIONS: dict[str, Handler] = {
    "GET /v1/customers": list_customers,
    "POST /v1/customers": create,
    "GET /v1/customers/{customer}": retrieve,
    "POST /v1/customers/{customer}": update,
    "DELETE /v1/customers/{customer}": delete,
}
