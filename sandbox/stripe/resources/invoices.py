"""Invoices."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.errors import StripeError, refused, unsupported
from sandbox.stripe.lists import created_range, page
from sandbox.stripe.resources import additions, invoice_items, invoice_state, payments
from sandbox.stripe.world import COLLECTIONS, LINES, Call, Handler, World, merge_metadata

_HOUR = 3600
_TEXTS = {"description", "footer", "statement_descriptor"}
_DRAFT = _TEXTS | {
    "auto_advance",
    "automatic_tax",
    "automatically_finalizes_at",
    "collection_method",
    "custom_fields",
    "days_until_due",
    "default_payment_method",
    "discounts",
    "due_date",
    "effective_at",
    "metadata",
    "number",
}
_CREATE = _DRAFT | {"currency", "customer", "pending_invoice_items_behavior"}
_FINALIZED = {"auto_advance", "days_until_due", "default_payment_method", "due_date", "metadata"}
_TERMS = "stripe.terms"
_NO_EMAIL = (
    "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid email."
)


def create(world: World, call: Call) -> Document:
    params = call.params
    _supported(params, _CREATE)
    if "customer" not in params:
        raise refused("Missing required param: customer.", param="customer", code="parameter_missing")
    _check_terms(world, params, params.get("collection_method", "charge_automatically"))
    customer = world.get("customer", params["customer"], "customer")
    if params.get("collection_method") == "send_invoice" and not customer["email"]:
        raise StripeError(_NO_EMAIL)
    invoice = {**_blank(world, customer, params), "discounts": additions.begin(world, customer, params)}
    _apply(world, invoice, params)
    world.put("invoice", invoice)
    if params.get("pending_invoice_items_behavior") == "include":
        _take_pending(world, invoice)
    shown = invoice_state.render(world, invoice_state.refresh(world, invoice))
    world.emit("invoice.created", shown)
    return shown


# What every new invoice has, as amounts and as fields without a value.
_ZEROS = (
    "amount_due",
    "amount_overpaid",
    "amount_paid",
    "amount_paid_off_stripe",
    "amount_remaining",
    "amount_shipping",
    "attempt_count",
    "post_payment_credit_notes_amount",
    "pre_payment_credit_notes_amount",
    "starting_balance",
    "subtotal",
    "subtotal_excluding_tax",
    "total",
    "total_excluding_tax",
)
_NOTHING = (
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "custom_fields",
    "customer_account",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "effective_at",
    "ending_balance",
    "footer",
    "from_invoice",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "next_payment_attempt",
    "number",
    "on_behalf_of",
    "parent",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
)


def _blank(world: World, customer: Document, params: dict[str, Any]) -> Document:
    now = world.now()
    return {
        "id": world.new_id("in"),
        "object": "invoice",
        **dict.fromkeys(_ZEROS, 0),
        **dict.fromkeys(_NOTHING),
        "account_country": "US",
        "account_name": "Sandbox",
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": now,
        "currency": params.get("currency") or customer["currency"] or "usd",
        "customer": customer["id"],
        **invoice_state.addressee(customer),
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_tax_rates": [],
        "discounts": [],
        "issuer": {"type": "self"},
        "livemode": False,
        "metadata": {},
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": now,
        "period_start": now,
        "status": "draft",
        "webhooks_delivered_at": now,
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }


def _check_terms(world: World, params: dict[str, Any], method: str) -> None:
    given = [name for name in ("days_until_due", "due_date") if name in params]
    if len(given) > 1:
        raise refused("You may only specify one of these parameters: days_until_due, due_date.", param="due_date")
    if method == "charge_automatically" and given:
        raise refused(
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'."
        )
    if params.get("days_until_due", 0) < 0:
        raise refused("This value must be greater than or equal to 0.", param="days_until_due")
    if "due_date" in params and params["due_date"] < world.now():
        raise refused("`due_date` must be in the future.", param="due_date")
    additions.check(world, params)
    if isinstance(params.get("custom_fields"), list) and len(params["custom_fields"]) > 4:
        raise refused("Array custom_fields exceeded maximum 4 allowed elements.", param="custom_fields")


def _apply(world: World, invoice: Document, params: dict[str, Any]) -> None:
    for name in _DRAFT & params.keys() - {"automatic_tax", "days_until_due", "discounts", "metadata"}:
        invoice[name] = None if params[name] == "" else params[name]
    if "automatic_tax" in params:
        enabled = params["automatic_tax"]["enabled"]
        status = "complete" if enabled else None
        invoice["automatic_tax"] = {**invoice["automatic_tax"], "enabled": enabled, "status": status}
    if "discounts" in params:
        invoice["discounts"] = []
    if "metadata" in params:
        invoice["metadata"] = merge_metadata(invoice["metadata"], params["metadata"])
    if "days_until_due" in params:
        invoice["due_date"] = invoice["created"] + params["days_until_due"] * invoice_state.DAY
        world.store.put(_TERMS, {"id": invoice["id"], "days_until_due": params["days_until_due"]})
    elif "due_date" in params:
        world.store.delete(_TERMS, invoice["id"])
    elif invoice["collection_method"] == "send_invoice" and invoice["due_date"] is None:
        raise refused(
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'."
        )
    if "auto_advance" in params and invoice["status"] == "draft":
        _schedule(invoice, params.get("automatically_finalizes_at"))


def _schedule(invoice: Document, finalizes_at: int | None) -> None:
    """When a draft advances by itself: an hour after its creation, if at all."""
    advances = invoice["auto_advance"]
    charged = advances and invoice["collection_method"] == "charge_automatically"
    invoice["automatically_finalizes_at"] = (finalizes_at or invoice["created"] + _HOUR + 1) if advances else None
    invoice["next_payment_attempt"] = invoice["created"] + _HOUR if charged else None


def _take_pending(world: World, invoice: Document) -> None:
    where = {"customer": invoice["customer"], "invoice": None, "currency": invoice["currency"]}
    pending = world.store.select(COLLECTIONS["invoiceitem"], where, newest_first=True)
    for item in pending[: invoice_items.MOST_LINES]:
        item["invoice"] = invoice["id"]
        world.put("invoiceitem", item)
        world.store.put(LINES, invoice_items.line_of(world, item, invoice["id"]))


def _supported(params: dict[str, Any], kept: set[str]) -> None:
    if strange := params.keys() - kept - {"expand"}:
        raise unsupported(f"the invoice parameters {', '.join(sorted(strange))}")


def retrieve(world: World, call: Call) -> Document:
    return invoice_state.render(world, world.get("invoice", call.id, "invoice", 404))


def list_invoices(world: World, call: Call) -> Document:
    params = call.params
    _supported(
        params,
        {
            "collection_method",
            "created",
            "customer",
            "due_date",
            "ending_before",
            "limit",
            "starting_after",
            "status",
        },
    )
    where: dict[str, Any] = {
        name: params[name] for name in ("collection_method", "customer", "status") if name in params
    }
    where |= created_range(params) | created_range(params, "due_date")
    return page(world, call, "invoice", where, lambda invoice: invoice_state.render(world, invoice))


def update(world: World, call: Call) -> Document:
    params = call.params
    before = world.get("invoice", call.id, status=404)
    _supported(params, _DRAFT)
    draft = before["status"] == "draft"
    if not draft and (fixed := params.keys() - _FINALIZED - {"expand"}):
        raise StripeError("Finalized invoices can't be updated in this way", param=min(fixed))
    _check_terms(world, params, str(params.get("collection_method", before["collection_method"])))
    invoice = dict(before)
    _apply(world, invoice, params)
    if draft:
        invoice = invoice_state.refresh(world, invoice)
    if invoice == before:
        return invoice_state.render(world, invoice)
    return invoice_state.save(world, before, invoice, "invoice.updated")


def delete(world: World, call: Call) -> Document:
    invoice = world.get("invoice", call.id, "invoice", 404)
    if invoice["status"] != "draft":
        raise StripeError("You can only delete draft invoices.")
    shown = invoice_state.render(world, invoice)
    for item in world.store.select(COLLECTIONS["invoiceitem"], {"invoice": invoice["id"]}):
        invoice_items.remove(world, item)
    world.store.delete(COLLECTIONS["invoice"], invoice["id"])
    world.emit("invoice.deleted", shown)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


def finalize(world: World, call: Call) -> Document:
    invoice = world.get("invoice", call.id, status=404)
    return invoice_state.finalize(world, invoice, call.params.get("auto_advance"))


def void(world: World, call: Call) -> Document:
    return invoice_state.void(world, world.get("invoice", call.id, status=404))


def mark_uncollectible(world: World, call: Call) -> Document:
    return invoice_state.mark_uncollectible(world, world.get("invoice", call.id, status=404))


def send(world: World, call: Call) -> Document:
    """Finalizes a draft and says that it was sent. Like Stripe in test mode, it sends nothing."""
    invoice = world.get("invoice", call.id, "invoice", 404)
    if invoice["collection_method"] != "send_invoice" or invoice["status"] not in {"draft", "open"}:
        raise StripeError(
            "This invoice cannot be sent right now. Please contact us via https://support.stripe.com/contact with"
            " details, so we can help."
        )
    if invoice["status"] == "draft":
        invoice_state.finalize(world, invoice)
    shown = retrieve(world, call)
    world.emit("invoice.sent", shown)
    return shown


OPERATIONS: dict[str, Handler] = {
    "GET /v1/invoices": list_invoices,
    "POST /v1/invoices": create,
    "GET /v1/invoices/{invoice}": retrieve,
    "POST /v1/invoices/{invoice}": update,
    "DELETE /v1/invoices/{invoice}": delete,
    "POST /v1/invoices/{invoice}/finalize": finalize,
    "POST /v1/invoices/{invoice}/void": void,
    "POST /v1/invoices/{invoice}/mark_uncollectible": mark_uncollectible,
    "POST /v1/invoices/{invoice}/send": send,
    "POST /v1/invoices/{invoice}/pay": payments.pay,
}
