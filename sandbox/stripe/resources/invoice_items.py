"""Invoice items, and the lines that they are on an invoice."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.store import Document
from sandbox.stripe.amounts import check_amount
from sandbox.stripe.errors import StripeError, refused, unsupported
from sandbox.stripe.lists import created_range, page
from sandbox.stripe.resources import invoice_state
from sandbox.stripe.world import COLLECTIONS, LINES, Call, Handler, World, changed, merge_metadata

_KEPT = {"amount", "currency", "customer", "description", "discountable", "invoice", "metadata", "period", "quantity"}
_EDITABLE = {"amount", "description", "discountable", "metadata", "period"}
MOST_LINES = 250
MOST_AMOUNT = 99_999_999


def create(world: World, call: Call) -> Document:
    params = call.params
    _check(params, _KEPT | {"unit_amount_decimal"})
    if "customer" not in params:
        raise refused("Missing required param: customer.", param="customer", code="parameter_missing")
    customer = world.get("customer", params["customer"], "customer")
    invoice = world.get("invoice", params["invoice"], "invoice") if "invoice" in params else None
    if invoice and invoice["customer"] != customer["id"]:
        raise StripeError(
            f"The customer for this invoice item ({customer['id']}) does not match the customer of the invoice"
            f" ({invoice['customer']}).",
            param="customer",
        )
    if invoice is None and "currency" not in params:
        raise refused("Missing required param: currency.", param="currency", code="parameter_missing")
    item = add(world, customer["id"], invoice, params)
    if invoice:
        invoice_state.refresh(world, invoice)
    return item


def add(world: World, customer: str, invoice: Document | None, params: dict[str, Any]) -> Document:
    """Makes one item, and its line when it stands on an invoice. The caller refreshes the invoice's totals."""
    currency = params.get("currency") or (invoice["currency"] if invoice else "usd")
    if invoice:
        check_room(world, invoice, 1)
        if currency != invoice["currency"]:
            raise StripeError(
                f"The invoice item's currency ({currency}) does not match the invoice's ({invoice['currency']}).",
                param="currency",
            )
    item = _build(world, customer, currency, params)
    item["invoice"] = invoice["id"] if invoice else None
    world.put("invoiceitem", item)
    world.emit("invoiceitem.created", item)
    if invoice:
        world.store.put(LINES, line_of(world, item, invoice["id"]))
    return item


def check_room(world: World, invoice: Document, more: int) -> None:
    if invoice["status"] != "draft":
        raise StripeError(
            "Invalid invoice: This invoice is no longer editable", code="invoice_not_editable", param="invoice"
        )
    if world.store.count(LINES, {"invoice": invoice["id"]}) + more > MOST_LINES:
        raise StripeError(f"You may add at most {MOST_LINES} items to an invoice.", param="invoice")


def _build(world: World, customer: str, currency: str, params: dict[str, Any]) -> Document:
    amount, quantity, unit = _amount(params)
    check_amount(amount, currency, "amount")
    now = world.now()
    return {
        "id": world.new_id("ii"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "date": now,
        "description": params.get("description") or None,
        "discountable": params.get("discountable", amount >= 0),
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "net_amount": amount,
        "parent": None,
        "period": _period(params, now),
        "pricing": {
            "type": "price_details",
            "price_details": {"price": world.new_id("price"), "product": world.new_id("prod")},
            "unit_amount_decimal": unit,
        },
        "proration": False,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": None,
    }


def _amount(params: dict[str, Any]) -> tuple[int, int, str]:
    unit = params.get("unit_amount_decimal")
    if unit is None:
        if "amount" not in params:
            raise refused("Missing required param: amount.", param="amount", code="parameter_missing")
        if "quantity" in params:
            raise refused("You may only specify one of these parameters: amount, quantity.", param="quantity")
        amount, quantity = params["amount"], 1
    elif "amount" in params:
        raise refused("You may only specify one of these parameters: amount, unit_amount_decimal.", param="amount")
    else:
        quantity = params.get("quantity", 1)
        amount = int((Decimal(unit) * quantity).quantize(Decimal(1), ROUND_HALF_UP))
    if quantity < 0:
        raise refused("This value must be greater than or equal to 0.", param="quantity")
    if abs(amount) > MOST_AMOUNT:
        raise refused("Amount must be no more than $999,999.99", param="amount", code="amount_too_large")
    return amount, quantity, unit if unit is not None else str(amount)


def _period(params: dict[str, Any], now: int) -> Document:
    period = params.get("period", {"start": now, "end": now})
    if period["end"] < period["start"]:
        raise refused("The period's end must not be before its start.", param="period")
    return {"start": period["start"], "end": period["end"]}


def line_of(world: World, item: Document, invoice: str) -> Document:
    copied = ("amount", "currency", "description", "discountable", "metadata", "period", "pricing")
    return {
        **{name: item[name] for name in copied},
        "id": world.new_id("il"),
        "object": "line_item",
        "discount_amounts": [],
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "parent": {
            "type": "invoice_item_details",
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
        },
        "pretax_credit_amounts": [],
        "quantity": item["quantity"],
        "quantity_decimal": item["quantity_decimal"],
        "subtotal": item["amount"],
        "taxes": [],
    }


def retrieve(world: World, call: Call) -> Document:
    return world.get("invoiceitem", call.id, status=404)


def update(world: World, call: Call) -> Document:
    before = world.get("invoiceitem", call.id, status=404)
    _check(call.params, _EDITABLE)
    check_amount(call.params.get("amount", 0), before["currency"], "amount")
    invoice = _draft_of(world, before)
    item = dict(before)
    for name in _EDITABLE & call.params.keys():
        item[name] = call.params[name]
    if "metadata" in call.params:
        item["metadata"] = merge_metadata(before["metadata"], call.params["metadata"])
    item["net_amount"] = item["amount"]
    item["pricing"] = {**item["pricing"], "unit_amount_decimal": str(item["amount"])}
    world.put("invoiceitem", item)
    if invoice:
        for line in _lines(world, item):
            fresh = line_of(world, item, invoice["id"])
            world.store.put(LINES, {**fresh, "id": line["id"]})
        invoice_state.refresh(world, invoice)
    if changed(before, item):
        world.emit("invoiceitem.updated", item, changed(before, item))
    return item


def delete(world: World, call: Call) -> Document:
    item = world.get("invoiceitem", call.id, status=404)
    invoice = _draft_of(world, item)
    remove(world, item)
    if invoice:
        invoice_state.refresh(world, invoice)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


def remove(world: World, item: Document) -> None:
    """Deletes an item and its line. The caller refreshes the invoice's totals."""
    for line in _lines(world, item):
        world.store.delete(LINES, line["id"])
    world.store.delete(COLLECTIONS["invoiceitem"], item["id"])
    world.emit("invoiceitem.deleted", item)


def list_items(world: World, call: Call) -> Document:
    params = call.params
    where: dict[str, Any] = created_range({"date": params.get("created")}, "date")
    where |= {name: params[name] for name in ("customer", "invoice") if name in params}
    if params.get("pending"):
        where["invoice"] = None
    elif "pending" in params:
        where["invoice__ne"] = None
    return page(world, call, "invoiceitem", where)


def _draft_of(world: World, item: Document) -> Document | None:
    if item["invoice"] is None:
        return None
    invoice = world.get("invoice", item["invoice"])
    if invoice["status"] != "draft":
        raise StripeError(
            "This invoice item can't be changed: it is attached to an invoice that is no longer editable.",
            code="invoice_not_editable",
        )
    return invoice


def _lines(world: World, item: Document) -> list[Document]:
    lines = world.store.select(LINES, {"invoice": item["invoice"]}) if item["invoice"] else []
    return [line for line in lines if line["parent"]["invoice_item_details"]["invoice_item"] == item["id"]]


def _check(params: dict[str, Any], kept: set[str]) -> None:
    if strange := params.keys() - kept - {"expand"}:
        raise unsupported(f"the invoice item parameters {', '.join(sorted(strange))}")


OPERATIONS: dict[str, Handler] = {
    "GET /v1/invoiceitems": list_items,
    "POST /v1/invoiceitems": create,
    "GET /v1/invoiceitems/{invoiceitem}": retrieve,
    "POST /v1/invoiceitems/{invoiceitem}": update,
    "DELETE /v1/invoiceitems/{invoiceitem}": delete,
}
