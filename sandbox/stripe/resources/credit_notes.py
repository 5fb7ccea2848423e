"""Credit notes."""

from typing import Any

from sandbox.store import Document
from sandbox.stripe.amounts import check_amount
from sandbox.stripe.errors import StripeError, refused, unsupported
from sandbox.stripe.lists import created_range, lines_page, page, wrap
from sandbox.stripe.resources import invoice_state, refunds
from sandbox.stripe.world import COLLECTIONS, LINES, Call, Handler, World, changed, merge_metadata

_KEPT = {
    "amount",
    "credit_amount",
    "effective_at",
    "email_type",
    "invoice",
    "lines",
    "memo",
    "metadata",
    "out_of_band_amount",
    "reason",
    "refund_amount",
    "refunds",
}
_NOTE_LINES = "stripe.credit_note_lines"
_SHOWN = 10


def create(world: World, call: Call) -> Document:
    params = call.params
    if strange := params.keys() - _KEPT - {"expand"}:
        raise unsupported(f"the credit note parameters {', '.join(sorted(strange))}")
    if ("amount" in params) == ("lines" in params):
        raise refused("You must specify exactly one of these parameters: amount, lines.", param="amount")
    return _render(world, credit_invoice(world, world.get("invoice", params["invoice"], "invoice"), params))


def credit_invoice(world: World, invoice: Document, params: dict[str, Any]) -> Document:
    """Issues a credit note, as the API and the dashboard do. Raises StripeError where Stripe would refuse it."""
    if invoice["status"] not in {"open", "paid"}:
        raise StripeError(
            f"You can only create a credit note for an open or paid invoice; this one is {invoice['status']}.",
            param="invoice",
        )
    id = world.new_id("cn")
    lines = _lines(world, id, invoice, params)
    for line in lines:
        check_amount(line["amount"], invoice["currency"], "amount")
    total = sum(line["amount"] for line in lines)
    _check_total(invoice, total)
    note = _build(world, id, invoice, params, total)
    for line in lines:
        world.store.put(_NOTE_LINES, line | {"credit_note": id})
    world.put("credit_note", note)
    _settle(world, invoice, note, params)
    written = world.get("credit_note", id)
    world.emit("credit_note.created", _render(world, written))
    return written


def update(world: World, call: Call) -> Document:
    if strange := call.params.keys() - {"expand", "memo", "metadata"}:
        raise unsupported(f"the credit note parameters {', '.join(sorted(strange))}")
    before = world.get("credit_note", call.id, status=404)
    note = {**before, "memo": call.params.get("memo", before["memo"])}
    note["metadata"] = merge_metadata(before["metadata"], call.params.get("metadata", {}))
    world.put("credit_note", note)
    shown = _render(world, note)
    if previous := changed(before, note):
        world.emit("credit_note.updated", shown, previous)
    return shown


def _check_total(invoice: Document, total: int) -> None:
    credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    if total <= 0:
        raise StripeError("The total of a credit note must be greater than zero.", param="amount")
    if total > invoice["total"] - credited:
        raise StripeError(
            f"The credit note total ({total}) exceeds what can still be credited ({invoice['total'] - credited}).",
            param="amount",
        )


def _linked(world: World, invoice: Document, params: dict[str, Any]) -> list[Document]:
    """The refunds that were made before and that the credit note stands for. Raises StripeError for others."""
    linked = []
    for number, entry in enumerate(params.get("refunds", [])):
        path = f"refunds[{number}]"
        refund = world.get("refund", entry.get("refund", ""), f"{path}[refund]")
        amount = entry.get("amount_refunded", refund["amount"])
        taken = sum(
            other["amount_refunded"]
            for note in world.store.select(COLLECTIONS["credit_note"], {"invoice": invoice["id"], "status": "issued"})
            for other in note["refunds"]
            if other.get("refund") == refund["id"]
        )
        of = world.store.select(COLLECTIONS["invoice_payment"], {"payment.payment_intent": refund["payment_intent"]})
        if invoice["id"] not in {payment["invoice"] for payment in of}:
            raise StripeError("The refund must be of a payment of the credited invoice.", param=f"{path}[refund]")
        if not 0 < amount <= refund["amount"] - taken:
            raise StripeError(
                f"The amount ({amount}) exceeds what is left of the refund ({refund['amount'] - taken}).",
                param=f"{path}[amount_refunded]",
            )
        linked.append({"amount_refunded": amount, "refund": refund["id"], "type": "refund"})
    return linked


def _check_given_back(params: dict[str, Any], linked: list[Document], post: int) -> None:
    given = sum(params.get(name, 0) for name in ("credit_amount", "refund_amount", "out_of_band_amount"))
    given += sum(entry["amount_refunded"] for entry in linked)
    if given != post:
        raise StripeError(
            f"The sum of credit amount, refund amount and out of band amount ({given}) must equal the post payment"
            f" amount ({post}).",
            param="credit_amount",
        )


def _build(world: World, id: str, invoice: Document, params: dict[str, Any], total: int) -> Document:
    pre = min(total, invoice["amount_remaining"])
    post = total - pre
    linked = _linked(world, invoice, params)
    _check_given_back(params, linked, post)
    kind = "mixed" if pre and post else "post_payment" if post else "pre_payment"
    number = world.store.count(COLLECTIONS["credit_note"], {"invoice": invoice["id"]}) + 1
    now = world.now()
    return {
        "id": id,
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": params.get("effective_at", now),
        "invoice": invoice["id"],
        "livemode": False,
        "memo": params.get("memo") or None,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "pdf": f"{world.url}/stripe/credit_notes/{id}",
        "post_payment_amount": post,
        "pre_payment_amount": pre,
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "refunds": linked,
        "shipping_cost": None,
        "status": "issued",
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "total_taxes": [],
        "type": kind,
        "voided_at": None,
    }


def _lines(world: World, id: str, invoice: Document, params: dict[str, Any]) -> list[Document]:
    if "amount" in params:
        custom = {"type": "custom_line_item", "description": "Credit", "quantity": 1, "unit_amount": params["amount"]}
        return [_line(world, invoice, custom, 0)]
    return [_line(world, invoice, entry, number) for number, entry in enumerate(params["lines"])]


def _line(world: World, invoice: Document, entry: dict[str, Any], number: int) -> Document:
    path = f"lines[{number}]"
    kept = {"amount", "description", "invoice_line_item", "metadata", "quantity", "type", "unit_amount"}
    if strange := entry.keys() - kept:
        raise unsupported(f"the parameter {path}[{sorted(strange)[0]}]")
    custom = entry["type"] == "custom_line_item"
    line = {
        "id": world.new_id("cnli"),
        "object": "credit_note_line_item",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": False,
        "metadata": merge_metadata({}, entry.get("metadata", {})),
        "pretax_credit_amounts": [],
        "tax_rates": [],
        "taxes": [],
        "type": entry["type"],
    }
    return line | (_custom(entry, path) if custom else _credited(world, invoice, entry, path))


def _custom(entry: dict[str, Any], path: str) -> Document:
    for name in ("description", "unit_amount", "quantity"):
        if name not in entry:
            raise refused(f"Missing required param: {path}[{name}].", param=f"{path}[{name}]", code="parameter_missing")
    return {
        "amount": entry["unit_amount"] * entry["quantity"],
        "description": entry["description"],
        "quantity": entry["quantity"],
        "unit_amount": entry["unit_amount"],
        "unit_amount_decimal": str(entry["unit_amount"]),
    }


def _credited(world: World, invoice: Document, entry: dict[str, Any], path: str) -> Document:
    line = world.store.get(LINES, entry.get("invoice_line_item", ""))
    if line is None or line["invoice"] != invoice["id"]:
        raise refused(
            f"No such invoice line item: '{entry.get('invoice_line_item')}'",
            param=f"{path}[invoice_line_item]",
            code="resource_missing",
        )
    if ("amount" in entry) == ("quantity" in entry):
        raise refused("You must specify exactly one of these parameters: amount, quantity.", param=path)
    amount = entry["amount"] if "amount" in entry else line["amount"] * entry["quantity"] // line["quantity"]
    if abs(amount) > abs(line["amount"]):
        raise refused("The amount to credit exceeds the amount of the line.", param=f"{path}[amount]")
    return {
        "amount": amount,
        "description": entry.get("description", line["description"]),
        "invoice_line_item": line["id"],
        "quantity": entry.get("quantity"),
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


def _settle(world: World, invoice: Document, note: Document, params: dict[str, Any]) -> None:
    """Takes what is credited off what is owed, and gives back what was paid already."""
    updated = {
        **invoice,
        "amount_due": invoice["amount_due"] - note["pre_payment_amount"],
        "amount_remaining": invoice["amount_remaining"] - note["pre_payment_amount"],
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + note["pre_payment_amount"],
        "post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + note["post_payment_amount"],
    }
    invoice_state.save(world, invoice, updated, "invoice.updated")
    if updated["status"] == "open" and updated["amount_remaining"] == 0:
        invoice_state.settle(world, updated)
    if credit := params.get("credit_amount"):
        customer = world.get("customer", invoice["customer"])
        after = {**customer, "balance": customer["balance"] - credit}
        world.put("customer", after)
        world.emit("customer.updated", after, changed(customer, after))
    if amount := params.get("refund_amount"):
        refund = refunds.refund_invoice(world, invoice, amount)
        note["refunds"] = [*note["refunds"], {"amount_refunded": amount, "refund": refund["id"], "type": "refund"}]
        world.put("credit_note", note)


def _render(world: World, note: Document) -> Document:
    lines = [_public(line) for line in world.store.select(_NOTE_LINES, {"credit_note": note["id"]}, limit=_SHOWN + 1)]
    return {**note, "lines": wrap(lines[:_SHOWN], len(lines) > _SHOWN, f"/v1/credit_notes/{note['id']}/lines")}


def _public(line: Document) -> Document:
    return {key: value for key, value in line.items() if key != "credit_note"}


def retrieve(world: World, call: Call) -> Document:
    return _render(world, world.get("credit_note", call.id, status=404))


def list_credit_notes(world: World, call: Call) -> Document:
    where: dict[str, Any] = {name: call.params[name] for name in ("customer", "invoice") if name in call.params}
    where |= created_range(call.params)
    return page(world, call, "credit_note", where, lambda note: _render(world, note))


def list_lines(world: World, call: Call) -> Document:
    note = world.get("credit_note", call.id, status=404)
    found = lines_page(world, call, _NOTE_LINES, {"credit_note": note["id"]})
    return {**found, "data": [_public(line) for line in found["data"]]}


def void(world: World, call: Call) -> Document:
    before = world.get("credit_note", call.id, status=404)
    invoice = world.get("invoice", before["invoice"])
    if before["status"] == "void":
        raise StripeError("This credit note is already void.")
    if before["post_payment_amount"] or invoice["status"] != "open":
        raise StripeError("You can only void credit notes of invoices that are still open.")
    note = {**before, "status": "void", "voided_at": world.now()}
    world.put("credit_note", note)
    restored = {
        **invoice,
        "amount_due": invoice["amount_due"] + note["pre_payment_amount"],
        "amount_remaining": invoice["amount_remaining"] + note["pre_payment_amount"],
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] - note["pre_payment_amount"],
    }
    invoice_state.save(world, invoice, restored, "invoice.updated")
    shown = _render(world, note)
    world.emit("credit_note.voided", shown)
    return shown


OPERATIONS: dict[str, Handler] = {
    "GET /v1/credit_notes": list_credit_notes,
    "POST /v1/credit_notes": create,
    "GET /v1/credit_notes/{id}": retrieve,
    "POST /v1/credit_notes/{id}": update,
    "GET /v1/credit_notes/{credit_note}/lines": list_lines,
    "POST /v1/credit_notes/{id}/void": void,
}
