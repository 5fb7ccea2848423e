"""The lines of an invoice: listed, and changed in bulk while it is a draft."""

from sandbox.store import Document
from sandbox.stripe.errors import StripeError, missing, refused, unsupported
from sandbox.stripe.lists import lines_page
from sandbox.stripe.resources import invoice_items, invoice_state
from sandbox.stripe.world import LINES, Call, Handler, World, merge_metadata


def list_lines(world: World, call: Call) -> Document:
    invoice = world.get("invoice", call.id, status=404)
    return lines_page(world, call, LINES, {"invoice": invoice["id"]})


_LINE = {"amount", "description", "discountable", "invoice_item", "metadata", "period"}


def add_lines(world: World, call: Call) -> Document:
    before = world.get("invoice", call.id, "invoice", 404)
    lines = call.params["lines"]
    for number, line in enumerate(lines):
        if strange := line.keys() - _LINE:
            raise unsupported(f"the parameters lines[{number}][{sorted(strange)[0]}]")
        if ("amount" in line) == ("invoice_item" in line):
            raise refused("Each line needs either an `amount` or an `invoice_item`.", param=f"lines[{number}]")
    invoice_items.check_room(world, before, len(lines))
    for line in lines:
        if "invoice_item" in line:
            _attach(world, before, line["invoice_item"])
        else:
            invoice_items.add(world, before["customer"], before, line)
    invoice = dict(before)
    if "invoice_metadata" in call.params:
        invoice["metadata"] = merge_metadata(invoice["metadata"], call.params["invoice_metadata"])
        world.put("invoice", invoice)
    return invoice_state.save(world, before, invoice_state.refresh(world, invoice), "invoice.updated")


def _attach(world: World, invoice: Document, id: str) -> None:
    item = world.get("invoiceitem", id, "lines")
    if item["invoice"] or item["customer"] != invoice["customer"] or item["currency"] != invoice["currency"]:
        raise StripeError(f"The invoice item {id} can't be added to this invoice.", param="lines")
    item["invoice"] = invoice["id"]
    world.put("invoiceitem", item)
    world.store.put(LINES, invoice_items.line_of(world, item, invoice["id"]))


def remove_lines(world: World, call: Call) -> Document:
    before = world.get("invoice", call.id, status=404)
    invoice_items.check_room(world, before, 0)
    for entry in call.params["lines"]:
        line = world.store.get(LINES, entry["id"])
        if line is None or line["invoice"] != before["id"]:
            raise missing("line item", entry["id"], "lines")
        item = world.get("invoiceitem", line["parent"]["invoice_item_details"]["invoice_item"])
        if entry["behavior"] == "delete":
            invoice_items.remove(world, item)
        else:
            world.store.delete(LINES, line["id"])
            world.put("invoiceitem", {**item, "invoice": None})
    return invoice_state.save(world, before, invoice_state.refresh(world, before), "invoice.updated")


OPERATIONS: dict[str, Handler] = {
    "GET /v1/invoices/{invoice}/lines": list_lines,
    "POST /v1/invoices/{invoice}/add_lines": add_lines,
    "POST /v1/invoices/{invoice}/remove_lines": remove_lines,
}
